"""One trunk of a run with warmup, stable and decay, and many decays: branches that keep the trunk's optimizer."""

from pathlib import Path

import pytest

from unitscale.models.branches import branched
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec

ORIGIN = "job_01k00000000000000000"
TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"width": 16, "depth": 1, "context": 16},
    "units": {"learning_rate": 0.01, "batch_size": 8},
}
LONG = {**TEXT, "schedule": {"name": "wsd", "warmup_steps": 5}, "budget": {"steps": 80}, "seed": 3}
SAVING = {"checkpoint": {"every_steps": 20, "keep": 9}}
DECAYS = {20: 28, 40: 50}
"""Steps of the trunk, and the steps that a decay after them ends with: the last fifth decays."""


@pytest.fixture
def branch(train, a_lane, record_of):
    """What becomes of a spec that goes on with another record's run after a step that it kept."""

    def run(trunk, step: int, **changes):
        origin = trunk.lane.spec
        same = {"task": origin.task, "dataset": origin.dataset, "model": origin.model}
        asked = {**same, "init_from": {"job": ORIGIN, "step": step, "optimizer": "keep"}, **changes}
        spec = resolve(branched(JobSpec.model_validate(asked), origin), "cpu")
        lane = a_lane({}).model_copy(update={"spec": spec, "origin": str(checkpoints(trunk)[step])})
        [decay] = train(record_of(lane))
        return decay

    return run


def checkpoints(record) -> dict[int, Path]:
    folder = Path(record.lane.folder)
    return {message.step: folder / message.folder for message in record.said if message.say == "saved"}


def after(record, step: int) -> dict[int, float]:
    return {int(at): float(value) for at, value in record.points("train_loss") if at > step}


def test_decays_of_one_trunk_are_the_runs_that_never_stopped(train, branch):
    [trunk] = train({**LONG, **SAVING})

    for step, end in DECAYS.items():
        [unbroken] = train({**LONG, "budget": {"steps": end}})
        decay = branch(trunk, step, budget={"steps": end})

        assert after(decay, 0) == after(unbroken, step)
        assert decay.ended.result.val_loss == unbroken.ended.result.val_loss


@pytest.mark.parametrize(
    "spec",
    [
        {"task": "text-generation", "model": {**TEXT["model"], "memory_length": 16}},
        {"task": "masked-language-modeling", "model": {**TEXT["model"], "kind": "encoder"}},
        {"task": "image-classification", "dataset": "digits", "model": {"kind": "convnet"}},
        {"task": "regression", "dataset": "diabetes", "optimizer": {"name": "sgd", "momentum": 0.9}},
    ],
    ids=["memory", "masks", "convnet", "momentum"],
)
def test_a_branch_of_the_same_schedule_is_the_trunk_going_on(train, branch, spec):
    whole = {"dataset": "grammar", "schedule": {"name": "cosine"}, "budget": {"steps": 12}, **spec}
    [trunk] = train({**whole, "checkpoint": {"every_steps": 4, "keep": 3}})

    going_on = branch(trunk, 8)

    assert after(going_on, 0) == after(trunk, 8)
    assert list(after(going_on, 0)) == [9, 10, 11, 12]


@pytest.mark.parametrize(("before", "after_it"), [("fp32", "bf16-mixed"), ("bf16-mixed", "fp32"), ("fp32", "bf16")])
def test_a_branch_remembers_in_its_own_numbers(train, branch, before, after_it):
    remembering = {**TEXT, "model": {**TEXT["model"], "memory_length": 20}, "budget": {"steps": 8}}
    units = {**TEXT["units"], "precision": before}
    [trunk] = train({**remembering, "units": units, "checkpoint": {"every_steps": 4, "keep": 2}})

    going_on = branch(trunk, 4, units={"precision": after_it})

    assert list(after(going_on, 0)) == [5, 6, 7, 8]
    assert after(going_on, 0)[5] == pytest.approx(after(trunk, 4)[5], rel=0.02)


def test_a_branch_that_is_resumed_has_the_same_curve(train, branch, a_lane, record_of):
    [trunk] = train({**LONG, **SAVING})
    undisturbed = branch(trunk, 40)
    lane = undisturbed.lane.model_copy(update={"job": "again", "folder": f"{undisturbed.lane.folder}-again"})
    [stopped] = train(record_of(lane), wish=lambda message: "pause" if message.say == "started" else None)

    [resumed] = train(stopped.next_record())

    assert 40 < stopped.saved.step < 80
    assert resumed.curves["train_loss"] == undisturbed.curves["train_loss"]
    assert resumed.said[-2].examples == 40 * 8


def test_the_last_step_is_saved_and_told_again_by_an_attempt_that_finds_nothing_left_to_train(train):
    [finished] = train({**LONG, "checkpoint": {"every_steps": 1000}})

    [again] = train(finished.next_record())

    assert finished.saved.step == 80
    assert again.curves == finished.curves
    assert again.ended.result.val_loss == finished.ended.result.val_loss
    assert again.ended.result.train_loss == finished.ended.result.train_loss


def test_branches_train_together_bit_for_bit_as_alone(train, branch, record_of):
    [trunk] = train({**LONG, **SAVING})
    alone = [branch(trunk, 40, units={"learning_rate": rate}) for rate in (0.01, 0.003)]
    lanes = [record.lane.model_copy(update={"job": f"lane{n}"}) for n, record in enumerate(alone)]

    together = train(*map(record_of, lanes))

    assert [record.curves["train_loss"] for record in together] == [record.curves["train_loss"] for record in alone]
