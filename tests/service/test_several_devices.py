"""A node with a slot of two devices: its jobs train on both, and outlive the loss of either."""

import psutil
import pytest

from benchmarks.chaos import jobs
from benchmarks.chaos.stack import Stack, until
from unitscale.models.jobs import State

STEPS = 4000


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    with Stack(tmp_path_factory.mktemp("wide"), nodes=1, slots="cpu:0,cpu:1") as running:
        yield running


@pytest.fixture(scope="module")
def caller(wide):
    with wide.client() as client:
        yield client


def ranks(stack):
    return [rank for trainer in stack.processes("trainer") for rank in trainer.children()]


def of_two(steps):
    return jobs.spec(0, steps) | {"resources": {"devices": 2}}


@pytest.fixture(scope="module")
def undisturbed(wide, caller):
    """A run on two devices, and the ranks that made it."""
    job = caller.submit(of_two(STEPS))
    until(lambda: len(ranks(wide)) == 2)
    return ranks(wide), caller.wait(job.id)


def test_a_slot_of_two_trains_what_asks_for_two(caller, undisturbed):
    training, job = undisturbed

    assert (job.state, job.losses) == (State.SUCCEEDED, 0)
    assert caller.curves(job.id).last_step == STEPS
    assert_gone(training)


def test_a_job_waits_for_a_slot_of_its_size_and_says_so(caller):
    job = caller.submit(jobs.spec(0))

    why = caller.job(job.id).queue.why
    caller.cancel(job.id)

    assert "has a slot of 1 cpu device" in why
    assert "unitscale worker --slots cpu:0`" in why


@pytest.mark.parametrize("number", [0, 1])
def test_a_killed_rank_costs_nothing_but_time(wide, caller, undisturbed, number):
    job = caller.submit(of_two(STEPS))
    until(lambda: caller.checkpoints(job.id))
    training = ranks(wide)
    training[number].kill()

    after = caller.wait(job.id)

    assert (after.state, after.attempt, after.losses) == (State.SUCCEEDED, 2, 1)
    assert jobs.outcome(caller, job.id) == jobs.outcome(caller, undisturbed[1].id)
    assert_gone(training)


def test_a_cancelled_job_is_off_every_device(wide, caller):
    job = caller.submit(of_two(10**6))
    until(lambda: len(ranks(wide)) == 2 and caller.job(job.id).progress.step > 0)
    training = ranks(wide)

    caller.cancel(job.id)

    assert caller.wait(job.id).state is State.CANCELLED
    assert not any(map(runs, training))


def test_a_killed_supervisor_takes_its_ranks_along(wide, caller):
    job = caller.submit(of_two(10**6))
    until(lambda: len(ranks(wide)) == 2 and caller.job(job.id).progress.step > 0)
    training = ranks(wide)
    [supervisor] = wide.processes("supervisor")

    supervisor.kill()

    assert_gone(training)
    until(lambda: caller.job(job.id).attempt == 2)
    caller.cancel(job.id)
    assert caller.wait(job.id).state is State.CANCELLED


def test_no_secret_reaches_a_rank(wide, caller):
    job = caller.submit(of_two(10**6))
    until(lambda: len(ranks(wide)) == 2)
    seen = [rank.environ().keys() for rank in ranks(wide)]

    caller.cancel(job.id)

    assert not any({"UNITSCALE_API_KEY", "UNITSCALE_REDIS_URL"} & names for names in seen)


def runs(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def assert_gone(processes):
    assert len(processes) == 2
    until(lambda: not any(map(runs, processes)), seconds=10)
