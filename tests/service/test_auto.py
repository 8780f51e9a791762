"""`auto` over HTTP: tuned before the first step, by whichever attempt gets so far, and never again."""

import pytest

from benchmarks.chaos import jobs
from benchmarks.chaos.stack import until
from unitscale.models.jobs import State

AUTO = {"learning_rate": "auto"}
STEPS = 6000


def open_spec(**units):
    spec = jobs.spec(3, steps=STEPS)
    return {**spec, "units": {**spec["units"], **AUTO, **units}}


def by_hand(client, job):
    """The outcome of a job that comes with the numbers that another one found."""
    units = {"learning_rate": job.tuned.learning_rate.value, "batch_size": job.spec.units.batch_size}
    return jobs.reference(client, open_spec(**units))


def tuning_lines(client, job_id):
    return [line.line for line in client.iterate_logs(job_id) if line.line.startswith("tuning: rates")]


@pytest.fixture(scope="module")
def tuned(stack):
    with stack.client() as client:
        yield client.wait(client.submit(open_spec()).id)


def test_auto_becomes_a_number_with_a_reason(client, tuned):
    found = tuned.tuned.learning_rate

    assert tuned.state is State.SUCCEEDED, tuned.reason
    assert (tuned.spec.units.learning_rate, tuned.spec.units.tune) == (found.value, ())
    assert tuned.requested.units.learning_rate == "auto"
    assert str(len(found.tried)) in found.why
    assert tuned.tuned.seconds > 0
    assert len(tuning_lines(client, tuned.id)) >= 2


def test_its_curve_is_that_of_a_job_with_the_numbers(client, tuned):
    assert jobs.outcome(client, tuned.id) == by_hand(client, tuned)


def test_a_job_killed_while_it_tunes_starts_over_and_finds_the_same(stack, client, tuned):
    job = client.submit(open_spec())
    until(lambda: tuning_lines(client, job.id))
    assert client.job(job.id).tuned is None
    max(stack.processes("trainer"), key=lambda process: process.cpu_times().user).kill()

    after = client.wait(job.id)

    assert (after.attempt, after.losses) == (2, 1)
    assert after.tuned.learning_rate == tuned.tuned.learning_rate
    assert jobs.outcome(client, job.id) == jobs.outcome(client, tuned.id)


def test_a_job_killed_after_it_was_tuned_does_not_tune_again(stack, client, tuned):
    job = client.submit(open_spec())
    until(lambda: client.job(job.id).progress.step > 100)
    seconds = client.job(job.id).tuned.seconds
    lines = len(tuning_lines(client, job.id))
    max(stack.processes("trainer"), key=lambda process: process.cpu_times().user).kill()

    after = client.wait(job.id)

    assert (after.attempt, after.tuned.seconds) == (2, seconds)
    assert len(tuning_lines(client, job.id)) == lines
    assert jobs.outcome(client, job.id) == jobs.outcome(client, tuned.id)


def test_a_job_paused_while_it_tunes_is_paused_and_tunes_when_it_goes_on(client, tuned):
    job = client.submit(open_spec())
    until(lambda: tuning_lines(client, job.id))
    client.pause(job.id)
    until(lambda: client.job(job.id).state is State.PAUSED)
    assert client.job(job.id).tuned is None

    client.resume(job.id)
    after = client.wait(job.id)

    assert (after.attempt, after.losses) == (2, 0)
    assert after.tuned.learning_rate == tuned.tuned.learning_rate
