"""What a job's log says of an attempt."""

import base64
import struct

from unitscale.models.jobs import Reason, Result
from worker.pipe import Ended, Points, Saved, Started, Stopped, Stretch
from worker.slot.journal import Journal

SECONDS = {"training_seconds": 1.0, "evaluation_seconds": 0.0, "examples": 8}


def started(steps=100, lanes=1):
    return Started(job="j", steps=steps, parameters=25_952, lanes=lanes)


def points(step, steps, **curves):
    stretches = {
        key: Stretch(offset=0, data=base64.b64encode(struct.pack("<If", step, value)).decode())
        for key, value in curves.items()
    }
    return Points(job="j", step=step, steps=steps, curves=stretches, **SECONDS)


def saved(step):
    return Saved(job="j", step=step, folder="f", bytes=4096, points={}, **SECONDS)


def test_an_attempt_is_told_from_its_start_to_its_end():
    journal = Journal(2, "cpu:0")
    result = Result(stopped_by="budget", parameters=25_952, val_loss=0.25, test_metrics={"accuracy": 0.925, "f1": 0.9})
    said = [
        started(lanes=4),
        points(10, 100, train_loss=0.5, val_loss=0.40625, val_accuracy=0.875, learning_rate=0.1),
        points(11, 100, train_loss=0.5),
        saved(50),
        Stopped(job="j", why="pause"),
        Ended(job="j", reason=Reason(code="diverged", message="Loss became nan at step 3.")),
        Ended(job="j", result=result),
    ]

    assert [line for message in said for line in journal.lines(message)] == [
        "attempt 2 on cpu:0: 100 steps, 25,952 parameters, trained together with 3 other job(s)",
        "step 10/100: val_loss 0.4062, val_accuracy 0.875",
        "checkpoint at step 50, 4,096 bytes",
        "paused",
        "failed: Loss became nan at step 3.",
        "succeeded, stopped by budget: val_loss 0.25, test_accuracy 0.925",
    ]


def test_a_run_that_evaluates_and_saves_at_every_step_has_less_than_a_hundred_lines_and_the_last_evaluation():
    journal = Journal(1, "cpu:0")
    messages = [message for step in range(1, 5001) for message in (points(step, 5000, val_loss=1.0), saved(step))]

    lines = [line for message in [started(5000), *messages] for line in journal.lines(message)]

    assert len(lines) < 100
    assert "step 5000/5000: val_loss 1" in lines
