"""Sweeps over HTTP: each combination a job, the best of them found, all of them called off."""

import pytest

from benchmarks.chaos.stack import Stack, until
from unitscale.client import Client
from unitscale.errors import IdempotencyMismatch, Malformed, NotFound
from unitscale.models.campaigns import CampaignState
from unitscale.models.jobs import State

LINE = {
    "task": "regression",
    "dataset": "linear",
    "units": {"batch_size": "full"},
    "optimizer": {"name": "sgd"},
    "budget": {"steps": 100},
}
RATES = [0.001, 0.01, 0.1]


@pytest.fixture(scope="module")
def swept(stack):
    with stack.client() as client:
        sweep = client.sweeps.begin({"base": LINE, "axes": {"units.learning_rate": RATES, "seed": [0, 1]}})
        yield client.sweeps.wait(sweep.id)


def test_every_combination_is_a_job_in_the_order_of_the_axes(client, swept):
    jobs = [client.job(job) for job in swept.jobs]

    assert [(job.spec.units.learning_rate, job.spec.seed) for job in jobs] == [(r, s) for r in RATES for s in (0, 1)]
    assert {(job.state, job.sweep) for job in jobs} == {(State.SUCCEEDED, swept.id)}


def test_the_best_job_is_the_one_with_the_least_loss(client, swept):
    losses = {job: client.job(job).result.val_loss for job in swept.jobs}

    assert swept.state is CampaignState.SUCCEEDED
    assert swept.counts.succeeded == len(RATES) * 2
    assert swept.best.value == min(losses.values()) == losses[swept.best.job]
    assert swept.best.setting["units.learning_rate"] == 0.1


def test_an_idle_slot_takes_all_jobs_of_a_sweep_as_one_group(tmp_path):
    with Stack(tmp_path, nodes=1) as one_slot, one_slot.client() as caller:
        for first in range(0, 160, 16):
            sweep = caller.sweeps.begin({"base": LINE, "axes": {"seed": list(range(first, first + 16))}})
            jobs = [caller.job(job) for job in caller.sweeps.wait(sweep.id).jobs]
            assert [job.fused.lanes for job in jobs] == [16] * 16


def test_its_jobs_are_listed_by_pages(client, swept):
    first = client.jobs(campaign=swept.id, limit=4)
    rest = client.jobs(campaign=swept.id, limit=4, cursor=first.next_cursor)

    assert [job.id for page in (first, rest) for job in page.data] == list(reversed(swept.jobs))


def test_its_jobs_are_compared(client, swept):
    comparison = client.compare(sweep=swept.id)

    assert [job.id for job in comparison.jobs] == list(swept.jobs)
    assert set(comparison.fields) >= {"units.learning_rate", "seed"}


def test_a_repeated_request_is_the_same_sweep(client):
    body = {"base": LINE, "axes": {"seed": [1, 2]}}
    first, second = (client.sweeps.begin(body, idempotency_key="one sweep") for _ in range(2))

    assert first.id == second.id
    assert first.jobs == second.jobs
    with pytest.raises(IdempotencyMismatch):
        client.sweeps.begin({"base": LINE, "axes": {"seed": [3]}}, idempotency_key="one sweep")


def test_cancelled_it_takes_all_of_its_jobs_along(client):
    long = LINE | {"budget": {"steps": 10**7}}
    sweep = client.sweeps.begin({"base": long, "axes": {"seed": list(range(20))}})
    until(lambda: client.sweeps.get(sweep.id).counts.running)

    client.sweeps.cancel(sweep.id)

    ended = client.sweeps.wait(sweep.id)
    assert ended.state is CampaignState.CANCELLED
    assert ended.counts.cancelled == 20
    assert client.sweeps.cancel(sweep.id).state is CampaignState.CANCELLED


def test_a_sweep_none_of_whose_jobs_succeeds_has_failed(client):
    sweep = client.sweeps.begin({"base": LINE | {"budget": {"steps": 2000}}, "axes": {"units.learning_rate": [50.0]}})

    ended = client.sweeps.wait(sweep.id)

    assert (ended.state, ended.reason.code) == (CampaignState.FAILED, "no_success")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"base": LINE, "axes": {"units.learning_rate": [0.1, -1]}}, "/axes/units.learning_rate"),
        ({"base": LINE, "settings": [{"seed": 1}, {"seed": "x"}]}, "/settings/1/seed"),
        ({"base": LINE, "axes": {"name.first": ["x"]}}, "/axes/name.first"),
        ({"base": LINE, "axes": {"seed": list(range(33)), "units.batch_size": list(range(1, 33))}}, ""),
        ({"base": LINE}, ""),
        ({"base": LINE, "axes": {"model.depth": [3]}}, "/axes/model.depth"),
    ],
)
def test_a_wrong_sweep_is_refused_by_the_field_and_leaves_nothing(client, body, pointer):
    before = len(client.sweeps.page(limit=200).data)

    with pytest.raises(Malformed) as error:
        client.sweeps.begin(body)

    assert error.value.fields[0][0] == pointer
    assert len(client.sweeps.page(limit=200).data) == before


def test_another_projects_sweep_does_not_exist(stack, client, swept):
    key = client.create_key("other", ["submit"]).key
    with Client(stack.url, key) as stranger, pytest.raises(NotFound):
        stranger.sweeps.get(swept.id)
