"""Advice over HTTP, from jobs that were really trained."""

from math import log2

import pytest

from unitscale.models.jobs import State

BASE = {
    "task": "image-classification",
    "dataset": "digits",
    "model": {"kind": "mlp", "width": 32},
    "units": {"batch_size": 64, "parametrization": "sp"},
    "budget": {"steps": 150},
    "diagnostics": {"noise_scale": True},
}
RATES = [2.0**exponent for exponent in (-12, -10, -8, -6, -4, -2)]


def at(rate):
    return {**BASE, "units": {**BASE["units"], "learning_rate": rate}}


@pytest.fixture(scope="module")
def past(stack):
    with stack.client() as client:
        ids = [client.submit(at(rate)).id for rate in RATES]
        return [client.wait(job_id) for job_id in ids]


def test_the_rate_that_past_jobs_speak_for_is_advised(client, past):
    assert all(job.state is State.SUCCEEDED for job in past)
    best = min(past, key=lambda job: job.result.val_loss)

    advice = client.advise({"spec": BASE})
    rate = advice.units["learning_rate"]

    assert set(rate.jobs) <= {job.id for job in past}
    assert abs(log2(rate.value / best.spec.units.learning_rate)) <= 2
    assert rate.sure == "high"
    assert advice.expected.training_seconds.value > 0
    assert advice.expected.loss.value == pytest.approx(best.result.val_loss, rel=0.5)


def test_the_batch_follows_the_noise_that_they_measured(client, past):
    free = {**BASE, "units": {"parametrization": "sp"}}

    batch = client.advise({"spec": free}).units["batch_size"]

    [measured] = [job for job in past if job.id in batch.jobs]
    assert abs(log2(batch.value / measured.result.noise.preconditioned)) <= 0.5 or batch.value == 8


def test_what_is_advised_can_be_submitted_and_is_as_good(client, past):
    job = client.wait(client.submit(client.advise({"spec": BASE}).spec).id)

    assert job.state is State.SUCCEEDED, job.reason
    assert job.result.val_loss <= 1.3 * min(each.result.val_loss for each in past)
