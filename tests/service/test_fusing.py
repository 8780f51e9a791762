"""Jobs that are alike train in one process, and each is still a job of its own."""

from contextlib import contextmanager

import pytest

from benchmarks.chaos import jobs
from benchmarks.chaos.stack import Stack, until
from unitscale.models.jobs import ENDED, State

STEPS = 6000


@pytest.fixture(scope="module")
def one_slot(tmp_path_factory):
    """A service with one slot, so that what is submitted while it is busy waits together."""
    with Stack(tmp_path_factory.mktemp("one-slot"), nodes=1) as running:
        yield running


@pytest.fixture
def caller(one_slot):
    with one_slot.client() as client:
        yield client


def a_spec(seed, rate=0.001, steps=STEPS):
    spec = jobs.spec(seed, steps=steps, alone=False)
    return spec | {"units": {"learning_rate": rate, "batch_size": 32}}


def alone(spec):
    return spec | {"resources": {"alone": True}}


@contextmanager
def busy(client):
    """While the slot is held by a job that ends with the block."""
    job = client.submit(alone(jobs.spec(999, steps=10**8)))
    until(lambda: client.job(job.id).state is State.RUNNING)
    yield
    client.cancel(job.id)


def submitted(client, specs):
    """These jobs, which a slot finds all waiting."""
    with busy(client):
        return [client.submit(spec).id for spec in specs]


def running(client, ids, past=0):
    return all((job := client.job(i)).state is State.RUNNING and job.progress.step > past for i in ids)


@pytest.fixture(scope="module")
def references(one_slot):
    """What each seed gives alone."""
    with one_slot.client() as client:
        ids = [client.submit(alone(a_spec(seed))).id for seed in range(8)]
        jobs.all_ended(client, ids)
        return [jobs.outcome(client, job_id) for job_id in ids]


def test_jobs_that_wait_together_train_together_bit_for_bit_as_alone(caller, references):
    ids = submitted(caller, [a_spec(seed) for seed in range(8)])

    ended = jobs.all_ended(caller, ids)

    assert [(job.state, job.losses) for job in ended] == [(State.SUCCEEDED, 0)] * 8
    assert min(job.fused.lanes for job in ended) > 1
    assert "measured on this machine" in ended[0].fused.why
    assert [jobs.outcome(caller, job_id) for job_id in ids] == references
    assert all(len(caller.artifacts(job_id)) >= 2 for job_id in ids)


def test_one_of_a_group_is_cancelled_and_another_paused_while_the_rest_trains_on(caller, references):
    ids = submitted(caller, [a_spec(seed) for seed in range(3)] + [a_spec(7, rate=1e6)])
    cancelled, paused, other, wild = ids
    until(lambda: running(caller, [cancelled, paused], past=100))
    caller.cancel(cancelled)
    caller.pause(paused)
    until(lambda: caller.job(cancelled).state is State.CANCELLED and caller.job(paused).state is State.PAUSED)
    still = caller.job(other).state
    caller.resume(paused)

    ended = jobs.all_ended(caller, [paused, other])

    assert still is State.RUNNING
    assert [job.state for job in ended] == [State.SUCCEEDED] * 2
    assert [jobs.outcome(caller, job.id) for job in ended] == references[1:3]
    assert (caller.job(wild).state, caller.job(wild).reason.code) == (State.FAILED, "diverged")
    assert {job.losses for job in ended} == {0}


def test_what_does_not_pay_together_goes_back_to_the_queue_and_is_trained_all_the_same(caller):
    """Whichever a machine finds to pay: wide layers are mostly slower together."""
    wide = {
        "task": "image-classification",
        "dataset": "digits",
        "model": {"kind": "mlp", "width": 512, "depth": 3},
        "units": {"batch_size": 128},
        "budget": {"steps": 60},
    }
    apart = jobs.reference(caller, alone(wide))
    ids = submitted(caller, [wide] * 3)

    ended = jobs.all_ended(caller, ids)

    assert [(job.state, job.losses) for job in ended] == [(State.SUCCEEDED, 0)] * 3
    assert "measured on this machine" in ended[0].fused.why
    assert [jobs.outcome(caller, job_id) for job_id in ids] == [apart] * 3


@pytest.mark.parametrize("part", ["trainer", "supervisor", "node"])
def test_whatever_is_killed_every_job_of_a_group_goes_on(one_slot, caller, references, part):
    ids = submitted(caller, [a_spec(seed) for seed in range(8)])
    until(lambda: all(caller.checkpoints(job_id) for job_id in ids))
    if part == "node":
        one_slot.restart("node-0")
    else:
        for process in one_slot.processes(part):
            process.kill()

    ended = jobs.all_ended(caller, ids)

    assert [job.state for job in ended] == [State.SUCCEEDED] * 8
    assert [jobs.outcome(caller, job_id) for job_id in ids] == references
    assert [jobs.ends(caller, job_id) for job_id in ids] == [1] * 8
    assert max(job.losses for job in ended) > 0
    assert all(job.state in ENDED for job in ended)
