"""Comparisons of jobs that were really trained."""

import csv
import io
import itertools

import pytest

from benchmarks.chaos import jobs
from benchmarks.chaos.stack import until
from unitscale.models.jobs import State

pytestmark = pytest.mark.timeout(300)  # 200 jobs are trained first

MANY = 200
LINE = {
    "task": "regression",
    "dataset": "linear",
    "model": {"kind": "linear"},
    "units": {"batch_size": "full"},
    "optimizer": {"name": "sgd"},
    "budget": {"steps": 20},
    "labels": {"set": "many"},
}


@pytest.fixture(scope="module")
def many(stack):
    """Ids of 200 finished jobs, by learning rate and seed."""
    grid = itertools.product([0.001 * (n + 1) for n in range(MANY // 4)], range(4))
    with stack.client() as client:
        ids = [client.submit({**LINE, "units": {"learning_rate": r, "batch_size": 5}, "seed": s}).id for r, s in grid]
        yield [client.wait(job_id).id for job_id in ids]


def test_two_hundred_jobs_are_compared(client, many):
    answer = client.compare(labels={"set": "many"}, keys=["train_loss"], sort="val_loss")

    losses = answer.measures["val_loss"]
    assert {job.id for job in answer.jobs} == set(many)
    assert {job.state for job in answer.jobs} == {State.SUCCEEDED}
    assert set(answer.fields) == {"units.learning_rate", "seed"}
    assert list(losses) == sorted(losses)
    assert answer.best["val_loss"].jobs[0] == answer.jobs[0].id
    assert answer.curves["train_loss"].x == tuple(range(1, 21))
    assert all(None not in laid.value for laid in answer.curves["train_loss"].jobs)


def test_measures_and_curves_are_those_of_the_jobs(client, many):
    chosen = many[::40]

    answer = client.compare(chosen, keys=["train_loss"])

    for place, job_id in enumerate(chosen):
        job, curve = client.job(job_id), client.curves(job_id, ["train_loss"]).curves["train_loss"]
        assert answer.measures["val_loss"][place] == job.result.val_loss
        assert answer.measures["training_seconds"][place] == job.timings.training_seconds
        assert answer.curves["train_loss"].jobs[place].value == curve.value


def test_smoothing_and_the_step_of_a_loss_are_what_a_loop_over_all_points_says(client):
    job = client.wait(client.submit(jobs.spec(7, steps=3000)).id)
    values = client.curves(job.id, ["train_loss"]).curves["train_loss"].value
    above = below = 0.0
    means = []
    for value in values:
        above, below = 0.95 * above + value, 0.95 * below + 1
        means.append(above / below)
    loss = means[1500]

    answer = client.compare([job.id], keys=["train_loss"], smooth=0.95, max_points=50, to_loss=loss, of="train_loss")

    drawn = answer.curves["train_loss"]
    assert len(drawn.x) == 50
    assert drawn.jobs[0].value == pytest.approx([means[int(step) - 1] for step in drawn.x])
    assert max(drawn.jobs[0].max) == max(values)
    assert answer.to_loss.step[0] == 1 + next(step for step, mean in enumerate(means) if mean <= loss + 1e-6)
    assert 0 < answer.to_loss.seconds[0] < job.timings.training_seconds
    assert answer.to_loss.examples[0] == pytest.approx(31 * answer.to_loss.step[0], abs=32)  # 310 in 10 batches


def test_a_job_that_was_resumed_lies_on_its_undisturbed_twin(client):
    twin = client.wait(client.submit(jobs.spec(8, steps=10_000)).id)
    job = client.submit(jobs.spec(8, steps=10_000))
    until(lambda: client.job(job.id).progress.step > 100)
    client.pause(job.id)
    until(lambda: client.job(job.id).state is State.PAUSED)
    client.resume(job.id)
    resumed = client.wait(job.id)

    by_step = client.compare([twin.id, resumed.id], keys=["train_loss"], smooth=0.9)
    by_time = client.compare([twin.id, resumed.id], keys=["train_loss"], align="time").curves["train_loss"]

    assert [compared.attempt for compared in by_step.jobs] == [1, 2]
    assert by_step.fields == {}
    one, other = by_step.curves["train_loss"].jobs
    assert one == other
    longest = max(twin.timings.training_seconds, resumed.timings.training_seconds)
    assert by_time.x[-1] == pytest.approx(longest)
    assert [laid.value[-1] is None for laid in by_time.jobs] == [
        job.timings.training_seconds < longest for job in (twin, resumed)
    ]


def test_a_running_job_is_compared_with_what_it_has(client, many):
    job = client.submit(jobs.spec(0, steps=1_000_000))
    until(lambda: client.job(job.id).progress.step > 0)

    answer = client.compare([many[0], job.id], keys=["train_loss"])
    client.cancel(job.id)

    assert answer.jobs[1].state is State.RUNNING
    assert answer.jobs[1].latest["train_loss"] > 0
    assert answer.measures["val_loss"][1] is None
    assert any(value is not None for value in answer.curves["train_loss"].jobs[1].value)
    assert client.wait(job.id).state is State.CANCELLED


def test_two_hundred_jobs_are_exported(client, many):
    rows = list(csv.DictReader(io.StringIO(client.compare_csv(labels={"set": "many"}))))
    table = client.compare_markdown(labels={"set": "many"}, sort="val_loss", limit=10).splitlines()

    assert [row["id"] for row in rows] == many
    assert all(float(row["measure:val_loss"]) > 0 for row in rows)
    assert sum(line.startswith("| `job_") for line in table) == 10
