"""Several devices: ranks of one trainer take their shares of every batch, and make one run of it."""

import signal
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from benchmarks import kinds
from unitscale.models.specs import InitFrom
from worker.pipe import Stop, Train

LINE = {"dataset": "linear", "units": {"batch_size": 30}, "optimizer": {"name": "sgd"}, "budget": {"steps": 200}}
DIABETES = {"dataset": "diabetes", "model": {"kind": "mlp", "width": 16, "depth": 1}}
LONG = {**DIABETES, "budget": {"steps": 10**7}}
TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "data": {"fraction": 0.3},
    "model": {"width": 32, "depth": 2, "head_size": 8, "context": 32},
    "units": {"batch_size": 15},
    "budget": {"steps": 200},
    "evaluation": {"every_steps": 100},
}
TWO = ("cpu", "cpu")


@pytest.fixture
def on_two(a_trainer, a_lane, record_of):
    """Trains a spec, or goes on with a record, on two devices, and waits for the process's end."""

    def run(job, wish=lambda message: None, devices=TWO):
        record, trainer = job if isinstance(job, record_of) else record_of(a_lane(job)), a_trainer()
        trainer.tell(Train(devices=devices, lanes=(record.lane,)))
        for message in trainer.follow(record):
            if why := wish(message):
                trainer.tell(Stop(job=record.lane.job, why=why))
        assert trainer.wait() == 0
        return record

    return run


@pytest.fixture
def begun(a_trainer, a_lane, record_of):
    """A long run on two devices, and its ranks, once it has begun."""
    trainer, record = a_trainer(), record_of(a_lane({**LONG, "checkpoint": {"every_seconds": 0.1}}))
    trainer.tell(Train(devices=TWO, lanes=(record.lane,)))
    assert trainer.hear().say == "started"
    agent = psutil.Process(trainer.pid)
    ranks = agent.children()
    assert len(ranks) == 2
    return trainer, record, ranks


def values(record, key):
    return record.points(key)["value"]


def assert_gone(processes):
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive


@pytest.mark.parametrize(
    "spec",
    [
        LINE,
        {**LINE, "units": {"batch_size": 1}},
        TEXT,
        {**TEXT, "units": {**TEXT["units"], "micro_batch_size": 4, "parametrization": "mup", "base_width": 8}},
    ],
    ids=["line", "batches-of-one", "decoder", "decoder-micro-mup"],
)
def test_two_devices_train_as_one_does(train, on_two, spec):
    assert_alike(train(spec)[0], on_two(spec))


def assert_alike(alone, together):
    for key in ("train_loss", "val_loss"):
        assert np.array_equal(alone.points(key)["step"], together.points(key)["step"])
        assert np.abs(values(alone, key) - values(together, key)).max() < 1e-5
    assert together.ended.result.test_metrics == pytest.approx(alone.ended.result.test_metrics, abs=1e-4)
    for name, tensor in alone.weights().items():
        assert torch.allclose(tensor, together.weights()[name], atol=1e-3)


@pytest.mark.parametrize("micro", [None, 4], ids=["whole", "parts"])
def test_two_devices_measure_the_scales_of_one(train, on_two, micro):
    """Under u-μP, whose backward scales must know the whole batch."""
    units = {"batch_size": 15, "learning_rate": 0.01, "parametrization": "u-mup", "micro_batch_size": micro}
    spec = {**TEXT, "units": units, "budget": {"steps": 4}, "diagnostics": {"scales_every": 2}}

    alone, together = train(spec)[0], on_two(spec)

    keys = [key for key in alone.curves if key.startswith(("rms.", "change."))]
    assert len(keys) > 30
    for key in keys:
        assert list(together.points(key)["step"]) == list(alone.points(key)["step"])
        assert values(together, key) == pytest.approx(values(alone, key), rel=1e-3), key


@pytest.mark.parametrize("kind", kinds.WORKS)
def test_two_devices_train_every_kind_of_model_as_one_does_at_its_default_rate(
    train, on_two, record_of, tmp_path, kind
):
    """Here for 60 steps; `benchmarks ranks` takes 200 of each."""
    lanes = [kinds.lane(kind, kinds.STEPS if kind == "decoder" else 60, tmp_path / name) for name in ("one", "two")]

    assert_alike(train(record_of(lanes[0]))[0], on_two(record_of(lanes[1])))


@pytest.mark.parametrize("units", [{}, {"parametrization": "u-mup"}, {"micro_batch_size": 4, "batch_size": 16}])
def test_two_devices_measure_the_noise_that_one_does(train, on_two, units):
    spec = {**TEXT, "units": {"batch_size": 15, **units}, "budget": {"steps": 60}}
    spec["diagnostics"] = {"noise_scale": True}

    alone, together = train(spec)[0], on_two(spec)

    for curve in ("noise_scale", "noise_scale_preconditioned"):
        assert len(values(alone, curve)) > 5
        assert values(together, curve) == pytest.approx(values(alone, curve), rel=1e-3)
    assert together.ended.result.noise.measurements == alone.ended.result.noise.measurements


def test_batches_that_follow_the_noise_grow_alike_on_two_devices(train, on_two):
    spec = {**DIABETES, "units": {"batch_size": 128}, "budget": {"steps": 200}}
    spec["batch_schedule"] = {"name": "noise-scale", "initial_batch_size": 4}

    alone, together = train(spec)[0], on_two(spec)
    paused = on_two(spec, wish=lambda message: "pause" if message.say == "started" else None)

    assert values(alone, "batch_size")[-1] > 4
    assert list(values(together, "batch_size")) == list(values(alone, "batch_size"))
    assert on_two(paused.next_record()).curves["train_loss"] == together.curves["train_loss"]


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
@pytest.mark.parametrize("spec", [LINE, TEXT], ids=["line", "decoder"])
def test_two_gpus_train_as_one_does(on_two, spec):
    alone, together = on_two(spec, devices=("cuda:0",)), on_two(spec, devices=("cuda:0", "cuda:1"))

    assert values(together, "train_loss") == pytest.approx(values(alone, "train_loss"), abs=1e-4)


@pytest.mark.parametrize(
    "spec",
    [
        {**DIABETES, "batch_schedule": {"name": "ramp"}, "budget": {"epochs": 60}},
        {
            **DIABETES,
            "units": {"learning_rate": 0.03},
            "schedule": {"name": "plateau", "patience": 0},
            "evaluation": {"every_steps": 20},
            "budget": {"steps": 600},
        },
        {**TEXT, "units": {"precision": "bf16", "batch_size": 9}, "budget": {"steps": 60}},
    ],
    ids=["ramp", "plateau", "bf16"],
)
def test_a_run_on_two_devices_is_resumed_bit_for_bit(on_two, spec):
    undisturbed = on_two(spec)

    paused = on_two(spec, wish=lambda message: "pause" if message.say == "started" else None)
    resumed = on_two(paused.next_record())

    assert paused.stopped.why == "pause"
    assert paused.saved.step < undisturbed.points("train_loss")["step"][-1]
    assert resumed.curves == undisturbed.curves
    for name, tensor in undisturbed.weights().items():
        assert torch.equal(tensor, resumed.weights()[name])


@pytest.mark.parametrize(
    ("ending", "spec"),
    [
        ("max_seconds", {**LONG, "budget": {"steps": 10**7, "max_seconds": 0.2}}),
        ("target_loss", {**LONG, "budget": {"steps": 10**7, "target_loss": 1.0}, "evaluation": {"every_steps": 5}}),
    ],
)
def test_what_ends_a_run_early_ends_it_on_every_device(on_two, ending, spec):
    assert on_two(spec).ended.result.stopped_by == ending


def test_a_diverged_run_ends_on_every_device(on_two):
    record = on_two({**LINE, "units": {"learning_rate": 1000.0, "batch_size": 30}})

    assert record.ended.reason.code == "diverged"


def test_a_cancel_ends_it_on_every_device(on_two):
    record = on_two(LONG, wish=lambda message: "cancel" if message.say == "started" else None)

    assert record.stopped.why == "cancel"


def test_every_rank_starts_from_another_jobs_weights(train, on_two, a_lane, record_of):
    [origin] = train({**DIABETES, "budget": {"steps": 50}})
    lane = a_lane({**DIABETES, "budget": {"steps": 50}})
    spec = lane.spec.model_copy(update={"init_from": InitFrom(job="job_01k00000000000000000")})
    lane = lane.model_copy(update={"spec": spec, "origin": str(Path(origin.lane.folder) / "artifacts")})
    apart = lane.model_copy(update={"folder": f"{lane.folder}-apart"})

    together, [alone] = on_two(record_of(lane)), train(record_of(apart))

    assert values(together, "train_loss") == pytest.approx(values(alone, "train_loss"), abs=1e-5)
    assert values(alone, "train_loss")[0] < values(origin, "train_loss")[0] - 0.1


def test_jobs_on_several_devices_are_not_fused(a_trainer, a_lane, record_of):
    records, trainer = [record_of(a_lane(LINE)) for _ in range(2)], a_trainer()

    trainer.tell(Train(devices=TWO, lanes=tuple(record.lane for record in records)))

    assert {trainer.hear().reason.code for _ in records} == {"impossible"}


def test_a_rank_that_cannot_begin_says_why(a_trainer, a_lane):
    trainer = a_trainer()

    trainer.tell(Train(devices=("cpu", "cuda:63"), lanes=(a_lane(LINE),)))

    assert trainer.hear().reason.code == "internal"


@pytest.mark.parametrize("number", [0, 1])
def test_a_killed_rank_ends_the_attempt_and_the_next_goes_on(begun, on_two, number):
    trainer, record, ranks = begun
    for message in trainer.follow(record):
        if message.say == "saved" and message.step > 20:
            ranks[number].kill()
            break
    list(trainer.follow(record))

    assert trainer.wait() == -signal.SIGKILL
    assert_gone(ranks)
    assert record.ended is None

    steps = record.saved.step + 50
    spec = record.lane.spec.model_copy(update={"budget": record.lane.spec.budget.model_copy(update={"steps": steps})})
    again = record.next_record()
    again.lane = again.lane.model_copy(update={"spec": spec})
    undisturbed = type(record)(record.lane.model_copy(update={"spec": spec, "folder": f"{record.lane.folder}-whole"}))
    assert on_two(again).curves == on_two(undisturbed).curves


def test_no_rank_outlives_its_agent(begun):
    trainer, _, ranks = begun

    trainer.kill()

    assert_gone(ranks)


def test_no_rank_outlives_the_supervisor(begun):
    trainer, _, ranks = begun

    trainer.hang_up()

    assert trainer.wait() == 0
    assert_gone(ranks)


def test_ranks_are_heard_on_this_machine_alone(begun):
    trainer, _, ranks = begun

    listening = [
        connection.laddr.ip
        for process in (psutil.Process(trainer.pid), *ranks)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert set(listening) == {"127.0.0.1"}


def test_a_run_on_two_devices_leaves_no_files_behind(on_two, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    Path(tmp_path / "temporary").mkdir()

    on_two(LINE)

    assert list((tmp_path / "temporary").iterdir()) == []
