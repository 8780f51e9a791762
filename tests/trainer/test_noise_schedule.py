"""Batches that follow the noise scale: how they grow, what the rate does, when a run ends."""

import pytest

from unitscale.models.resolution import resolve, total_steps
from unitscale.models.specs import JobSpec
from worker.trainer.engine.following import Following

DIABETES = {
    "dataset": "diabetes",
    "units": {"batch_size": 64, "learning_rate": 0.01},
    "batch_schedule": {"name": "noise-scale", "initial_batch_size": 4},
    "budget": {"epochs": 20},
}
EXAMPLES = 20 * 310


def sizes_of(record):
    return list(record.points("batch_size")["value"])


def grown():
    following = Following(4, 20)
    for step, noise_scale in ((10, 3.0), (20, 7.9), (30, 100.0), (40, 5.0), (50, 100.0), (60, 100.0)):
        following.hear(step, noise_scale)
    return following


def test_batches_grow_to_the_noise_scale_never_shrink_and_no_more_than_double():
    assert [grown().size(step) for step in (1, 20, 21, 30, 31, 41, 51, 1000)] == [4, 4, 7, 7, 14, 14, 20, 20]


def test_examples_are_those_of_all_batches():
    following = grown()

    for step in range(1, 100):
        assert following.examples(step) == sum(following.size(each) for each in range(1, step + 1))


@pytest.mark.parametrize("examples", [1, 4, 79, 80, 81, 150, 151, 10_000])
def test_a_run_has_the_steps_that_see_enough(examples):
    following = grown()

    steps = following.steps(examples)

    assert following.examples(steps - 1) < examples <= following.examples(steps)


def test_a_run_sees_the_examples_of_its_budget_whatever_its_batches(train):
    record = train(DIABETES)[0]

    sizes, last = sizes_of(record), [message for message in record.said if message.say == "points"][-1]
    assert sizes[0] == 4
    assert sizes == sorted(sizes)
    assert 4 < sizes[-1] <= 64
    assert record.ended.result.stopped_by == "budget"
    assert EXAMPLES <= last.examples < EXAMPLES + 64
    assert last.steps == last.step < total_steps(record.lane.spec) == EXAMPLES // 4


def test_a_batch_is_no_larger_than_the_noise_scale_surely_is(train):
    record = train({**DIABETES, "budget": {"steps": 300}})[0]

    largest = 4.0
    for (step, size), low in zip(
        record.points("batch_size"), record.points("noise_scale_preconditioned_low")["value"], strict=True
    ):
        assert size <= largest, step
        largest = max(largest, low)
    assert record.points("train_loss")["step"][-1] == 300


def test_a_schedule_goes_by_examples_where_the_budget_does(train):
    schedule = {"name": "linear", "final_fraction": 0.0}

    record = train({**DIABETES, "schedule": schedule, "evaluation": {"every_steps": 1}})[0]

    rates = record.points("learning_rate")["value"]
    falls = (rates[:-1] - rates[1:]) * EXAMPLES / 0.01
    for step, size in record.points("batch_size")[:-1]:
        assert falls[step - 2] == pytest.approx(size, rel=1e-2)
    assert rates[-1] == pytest.approx(0, abs=1e-6)


def test_a_rate_grows_with_the_root_of_the_batch_where_it_is_asked_to(train):
    spec = {**DIABETES, "batch_schedule": {**DIABETES["batch_schedule"], "rate_follows": "root"}}

    record = train({**spec, "evaluation": {"every_steps": 1}})[0]

    rates = dict(zip(*(record.points("learning_rate")[key] for key in ("step", "value")), strict=True))
    for step, size in record.points("batch_size"):
        assert rates[step] == pytest.approx(0.01 * (size / 64) ** 0.5)


def test_a_batch_of_which_no_noise_can_be_measured_stays_as_it_is(train):
    record = train({**DIABETES, "data": {"fraction": 0.001}, "batch_schedule": {"name": "noise-scale"}})[0]

    assert record.lane.spec.units.batch_size == 1
    assert record.ended.result.stopped_by == "budget"
    assert record.ended.result.noise.value is None
    assert len(record.points("train_loss")) == 20


def test_what_is_measured_and_what_the_rate_does_is_said():
    spec = resolve(JobSpec.model_validate({"task": "regression", "batch_schedule": {"name": "noise-scale"}}), "cpu")

    assert spec.diagnostics.noise_scale
    assert spec.batch_schedule.rate_follows == "keep"
    assert spec.batch_schedule.initial_batch_size == 4


def test_jobs_whose_batches_follow_the_noise_scale_train_alone(train):
    records = train(DIABETES, DIABETES)

    assert [record.ended.reason.code for record in records] == ["impossible", "impossible"]
