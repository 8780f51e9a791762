"""Resuming: a run stopped anywhere and resumed is, bit for bit, the undisturbed run."""

from pathlib import Path

import pytest
import torch

from worker.pipe import Stop, Train

DIABETES = {"dataset": "diabetes"}
DIGITS = {"task": "image-classification", "dataset": "digits"}
TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"width": 32, "depth": 1, "context": 32},
    "budget": {"steps": 60},
    "evaluation": {"every_steps": 40},
}


def at_first(kind):
    """Wishes for a pause at the first message of a kind."""
    return lambda message: "pause" if message.say == kind else None


def assert_same_run(undisturbed, resumed):
    assert resumed.ended.result is not None
    assert resumed.curves == undisturbed.curves
    for name, tensor in undisturbed.weights().items():
        assert torch.equal(tensor, resumed.weights()[name])


@pytest.mark.parametrize(
    "spec",
    [
        {**DIABETES, "optimizer": {"name": "sgd", "momentum": 0.9}, "budget": {"epochs": 400}},
        {**DIABETES, "optimizer": {"weight_decay": 0.1, "clip_norm": 1.0}, "budget": {"steps": 2500}},
        {**DIABETES, "model": {"kind": "mlp"}, "schedule": {"name": "cosine", "warmup_steps": 40}},
        {**DIGITS, "model": {"kind": "mlp", "width": 20}, "schedule": {"name": "wsd"}, "budget": {"epochs": 40}},
        {**DIGITS, "data": {"fraction": 0.4}, "schedule": {"name": "linear"}},
        {
            **DIABETES,
            "units": {"learning_rate": 0.3},
            "schedule": {"name": "plateau", "patience": 0},
            "evaluation": {"every_steps": 20},
        },
        {**DIABETES, "batch_schedule": {"name": "ramp", "rate_follows": "linear"}, "budget": {"epochs": 400}},
        {
            **DIABETES,
            "units": {"batch_size": 64},
            "schedule": {"name": "cosine"},
            "batch_schedule": {"name": "noise-scale", "initial_batch_size": 4, "rate_follows": "root"},
            "budget": {"epochs": 1000},
        },
        {**TEXT, "units": {"precision": "bf16", "micro_batch_size": 12}},
        {**TEXT, "schedule": {"name": "cosine", "warmup_steps": 5}},
        {**TEXT, "units": {"parametrization": "u-mup"}, "optimizer": {"weight_decay": 1e-3}},
        {**TEXT, "units": {"parametrization": "u-mup"}, "diagnostics": {"noise_scale": True}},
    ],
    ids=[
        "sgd-momentum",
        "adamw",
        "mlp-cosine",
        "digits-mlp-wsd",
        "convnet",
        "plateau",
        "ramp",
        "following",
        "bf16",
        "decoder",
        "decoder-u-mup",
        "noise",
    ],
)
def test_a_run_paused_twice_is_bitwise_the_undisturbed_run(train, spec):
    undisturbed = train(spec)[0]

    once = train(spec, wish=at_first("started"))[0]
    twice = train(once.next_record(), wish=at_first("points"))[0]
    resumed = train(twice.next_record())[0]

    assert once.saved.step < twice.saved.step < undisturbed.points("train_loss")["step"][-1]
    assert_same_run(undisturbed, resumed)


def test_a_run_killed_and_resumed_is_bitwise_the_undisturbed_run(train, a_trainer, a_lane, record_of):
    spec = {**DIABETES, "model": {"kind": "mlp"}, "budget": {"epochs": 600}, "checkpoint": {"every_seconds": 0.1}}
    killed, trainer = record_of(a_lane(spec)), a_trainer()

    trainer.tell(Train(lanes=(killed.lane,)))
    for message in trainer.follow(killed):
        if message.say == "saved" and message.step > 500:
            trainer.kill()
            break

    assert_same_run(train(spec)[0], train(killed.next_record())[0])


def test_a_group_goes_on_together(train):
    specs = [{**DIABETES, "units": {"learning_rate": rate}, "seed": seed} for rate, seed in ((0.01, 0), (0.02, 5))]
    apart = [train(spec, wish=at_first("started"))[0] for spec in specs]

    resumed = train(*(record.next_record() for record in apart))

    for spec, record in zip(specs, resumed, strict=True):
        assert_same_run(train(spec)[0], record)


def test_lanes_at_different_steps_do_not_go_on_together(train):
    stopped = train(DIABETES, wish=at_first("started"))[0]

    records = train(stopped.next_record(), DIABETES)

    assert {record.ended.reason.code for record in records} == {"impossible"}


def test_seconds_and_examples_count_on(train):
    stopped = train(DIABETES, wish=at_first("points"))[0]

    resumed = train(stopped.next_record())[0]

    last = [message for message in resumed.said if message.say == "points"][-1]
    assert last.examples == 200 * 310
    assert last.training_seconds > stopped.saved.training_seconds > 0


def test_a_pause_writes_a_checkpoint_of_all_points_first(train):
    record = train({**DIABETES, "budget": {"epochs": 10000}}, wish=at_first("points"))[0]

    kinds = [message.say for message in record.said]
    assert kinds[-2:] == ["saved", "stopped"]
    assert record.saved.points == {key: len(record.points(key)) for key in record.curves}
    assert record.points("train_loss")["step"][-1] == record.saved.step
    folder = Path(record.lane.folder) / record.saved.folder
    assert sum(file.stat().st_size for file in folder.iterdir()) == record.saved.bytes


def test_a_cancel_writes_no_checkpoint(train):
    spec = {**DIABETES, "budget": {"epochs": 10000}}

    record = train(spec, wish=lambda message: "cancel" if message.say == "points" else None)[0]

    assert record.stopped.why == "cancel"
    assert record.saved is None
    assert record.ended is None


def test_one_of_a_group_is_stopped_and_the_other_ends(train):
    spec = {**DIABETES, "budget": {"epochs": 300}}

    first, second = train(
        spec, spec, wish=lambda message: "pause" if (message.say, message.job) == ("started", "job0") else None
    )

    assert first.stopped.why == "pause"
    assert second.ended.result is not None


def test_a_stop_over_the_pipe_is_obeyed(a_trainer, a_lane, record_of):
    record, trainer = record_of(a_lane({**DIABETES, "budget": {"epochs": 10**6}})), a_trainer()

    trainer.tell(Train(lanes=(record.lane,)))
    for message in trainer.follow(record):
        if message.say == "started":
            trainer.tell(Stop(job=record.lane.job, why="pause"))

    assert record.stopped.why == "pause"
    assert record.saved.step >= 1
    assert trainer.wait() == 0
