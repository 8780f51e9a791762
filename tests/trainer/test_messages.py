"""What a group says on the way, and what it leaves."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
import torch

from unitscale.errors import Diverged
from worker.trainer.process.failures import _failure

DIABETES = {"dataset": "diabetes"}
DIGITS = {"task": "image-classification", "dataset": "digits"}


def test_a_settled_step_has_all_its_points(train):
    record = train({**DIABETES, "evaluation": {"every_steps": 7}, "budget": {"steps": 4000}})[0]

    evaluated = 0
    for message in (message for message in record.said if message.say == "points"):
        sent = message.curves.get("val_loss")
        evaluated += len(base64.b64decode(sent.data)) // 8 if sent else 0
        assert evaluated == message.step // 7 + (message.step == 4000)
    assert (record.points("train_loss")["step"] == range(1, 4001)).all()
    assert list(record.points("val_loss")["step"]) == [*range(7, 4001, 7), 4000]


def test_the_end_is_told_after_all_points(train):
    record = train(DIABETES)[0]

    assert [message.say for message in record.said][-2:] == ["points", "ended"]
    assert record.said[-2].step == 2000


def test_a_result_says_what_was_measured(train):
    result = train(DIABETES)[0].ended.result

    assert result.stopped_by == "budget"
    assert result.metrics.keys() == result.test_metrics.keys() == {"r2", "mae"}
    assert result.parameters == 11
    assert result.peak_memory_bytes > 0


def test_artifacts_are_what_their_hashes_say(train):
    record = train({**DIGITS, "budget": {"epochs": 1}})[0]

    assert [artifact.name for artifact in record.ended.artifacts] == [
        "config.json",
        "confusion.json",
        "model.safetensors",
    ]
    for artifact in record.ended.artifacts:
        content = (Path(record.lane.folder) / "artifacts" / artifact.name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (artifact.bytes, artifact.sha256)


def test_the_confusion_matrix_counts_the_test_split(train):
    record = train({**DIGITS, "budget": {"epochs": 2}})[0]

    matrix = json.loads((Path(record.lane.folder) / "artifacts" / "confusion.json").read_text())["matrix"]
    assert sum(map(sum, matrix)) == 270
    right = sum(matrix[digit][digit] for digit in range(10))
    assert right / 270 == pytest.approx(record.ended.result.test_metrics["accuracy"])


def test_max_seconds_is_success(train):
    record = train({**DIABETES, "budget": {"epochs": 10**6, "max_seconds": 0.2}})[0]

    assert record.ended.result.stopped_by == "max_seconds"
    assert record.points("val_loss")["step"][-1] == record.points("train_loss")["step"][-1]


def test_an_image_that_cannot_be_halved_is_impossible(train, a_lane, record_of):
    """A data set of a plug-in need not say beforehand how large its images are."""
    lane = a_lane(DIGITS)
    spec = lane.spec.model_copy(update={"model": lane.spec.model.model_copy(update={"depth": 4})})

    [record] = train(record_of(lane.model_copy(update={"spec": spec})))

    assert record.ended.reason.code == "impossible"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "out_of_memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), "out_of_memory"),
        (Diverged(3, 7.0), "diverged"),
        (ValueError("what?"), "internal"),
    ],
)
def test_every_failure_has_its_code(error, code):
    assert _failure(error).code == code


def test_what_nobody_expected_is_internal(train, a_lane, record_of):
    lane = a_lane(DIABETES)
    Path(lane.folder).write_text("a file where a folder should be")

    record = train(record_of(lane))[0]

    assert record.ended.reason.code == "internal"
    assert "NotADirectoryError" in record.ended.reason.message


def test_the_trace_of_what_nobody_expected_is_written_before_the_end_is_told(train, a_lane, record_of, capsys):
    lane, written = a_lane(DIABETES), []
    Path(lane.folder).write_text("a file where a folder should be")

    train(record_of(lane), wish=lambda _message: written.append(capsys.readouterr().err))

    assert "Traceback" in written[-1]
