"""The record of campaigns: decided once a round, heeded when jobs end, called off whole."""

import asyncio
from dataclasses import replace

import pytest

from unitscale.errors import IdempotencyMismatch, IllegalTransition, NotFound, QuotaExceeded
from unitscale.models.campaigns import CampaignState, member_id
from unitscale.models.jobs import Reason, Result, State
from unitscale.models.specs import JobSpec
from unitscale.wire.attempts import Attempts
from unitscale.wire.campaigns import TRIES, Campaigns, Decision
from unitscale.wire.curves import PackedCurves
from unitscale.wire.datasets import Datasets
from unitscale.wire.intake import Intake
from unitscale.wire.jobs import Filter, Idempotency, Jobs, Membership
from unitscale.wire.launching import launch
from unitscale.wire.reaper import Reaper
from unitscale.wire.workers import Workers
from worker.campaigns.advancer import Advancer

SPEC = {"task": "regression", "dataset": "linear", "resources": {"alone": True}}
BODY = {"base": SPEC, "axes": {"seed": [0, 1, 2]}}


@pytest.fixture
def jobs(store):
    return Jobs(store, Workers(store))


@pytest.fixture
def campaigns(store, jobs):
    return Campaigns(store, jobs)


@pytest.fixture
def intake(store, jobs):
    return Intake(jobs, Datasets(store), Workers(store), 1000)


@pytest.fixture
def attempts(store):
    return Attempts(store, lease_seconds=10, max_losses=5)


@pytest.fixture
async def held(campaigns):
    begun, _ = await campaigns.begin("p", "sweep", BODY, {}, (3, 1000), None)
    return begun


async def launched(campaigns, intake, held):
    assert await launch(intake, held) == {}
    return await campaigns.get("p", held.kind, held.id)


async def submitted(intake, held, count):
    """What a launch that dies midway leaves: so many jobs recorded, and no more."""
    ready = await intake.prepare(JobSpec(**SPEC), "p")
    places = [(Membership(held.id, place, member_id(held.id, place)), ready) for place in range(count)]
    return await intake.submit_members("p", places)


async def end_one(attempts, ticket):
    [job] = await attempts.claim("cpu-1", ticket, "w", "cpu:0")
    await attempts.fail(job, Reason(code="diverged", message="It did."))


async def test_launching_twice_makes_each_job_once(campaigns, intake, jobs, held):
    first = await launched(campaigns, intake, held)
    second = await launched(campaigns, intake, held)

    assert first.jobs == second.jobs == tuple(member_id(held.id, place) for place in range(3))
    assert {place: job.spec.seed for place, job in (await campaigns.jobs(first)).items()} == {0: 0, 1: 1, 2: 2}


async def test_two_who_launch_at_once_make_each_job_once(campaigns, intake, jobs, held):
    await asyncio.gather(*(launch(intake, held) for _ in range(5)))

    page = await jobs.page("p", Filter(campaign=held.id), 200, None)
    assert len(page.data) == 3


async def test_none_of_its_jobs_is_taken_before_all_are_there(campaigns, intake, attempts, store, held):
    await submitted(intake, held, 2)
    await Reaper(store, lease_seconds=10, max_losses=5).round()
    before = await attempts.claim("cpu-1", "early", "w", "cpu:0"), await store.redis.llen("celery:cpu-1")

    held = await launched(campaigns, intake, held)

    [first] = await attempts.claim("cpu-1", "late", "w", "cpu:0")
    assert (before, first.id, await store.redis.llen("celery:cpu-1")) == (([], 0), held.jobs[0], 3)


async def test_jobs_called_off_or_set_aside_while_it_is_launched_are_not_queued(campaigns, intake, jobs, store, held):
    await submitted(intake, held, 3)
    cancelled, paused, resumed = (member_id(held.id, place) for place in range(3))
    await jobs.cancel("p", cancelled)
    await jobs.pause("p", paused)
    await jobs.pause("p", resumed)
    await jobs.resume("p", resumed)

    await launched(campaigns, intake, held)

    assert await store.redis.zrange("queue:cpu-1", 0, -1) == [resumed.encode()]


async def test_called_off_in_the_middle_of_its_launch_it_is_over(campaigns, intake, jobs, store, held):
    await submitted(intake, held, 2)

    assert (await campaigns.cancel("p", "sweep", held.id)).state is CampaignState.CANCELLED

    await launch(intake, held)
    assert {job.state for job in (await jobs.page("p", Filter(), 200, None)).data} == {State.CANCELLED}
    assert not await store.redis.exists("queue:cpu-1", f"campaign:{held.id}:arriving")


async def test_a_deleted_job_does_not_come_again(campaigns, intake, jobs, attempts, held):
    held = await launched(campaigns, intake, held)
    await jobs.cancel("p", held.jobs[0])
    await jobs.delete("p", held.jobs[0])

    await launch(intake, held)

    page = await jobs.page("p", Filter(campaign=held.id), 200, None)
    assert {job.id for job in page.data} == set(held.jobs[1:])


async def test_only_the_first_decision_of_a_round_counts(campaigns, held):
    assert await campaigns.decide(held, Decision(document={"by": 1}))
    assert not await campaigns.decide(held, Decision(document={"by": 2}))

    assert (await campaigns.get("p", "sweep", held.id)).document == {"by": 1}


async def test_it_is_looked_at_when_all_its_jobs_have_ended(campaigns, intake, attempts, held):
    held = await launched(campaigns, intake, held)
    await campaigns.decide(held, Decision())
    for number in range(3):
        assert await campaigns.take() is None
        await end_one(attempts, str(number))

    assert (await campaigns.take()).id == held.id


async def test_it_is_looked_at_when_any_has_where_each_is_heeded(campaigns, intake, attempts, held):
    held = await launched(campaigns, intake, held)
    await campaigns.decide(held, Decision(heed_each=True))
    assert await campaigns.take() is None

    await end_one(attempts, "one")

    assert (await campaigns.take()).ended == 1


async def test_a_job_that_ends_during_a_decision_is_not_overlooked(campaigns, intake, attempts, held):
    held = await launched(campaigns, intake, held)
    await end_one(attempts, "one")

    await campaigns.decide(held, Decision(heed_each=True))

    assert (await campaigns.take()).ended == 1


async def test_one_decided_to_be_over_calls_its_other_jobs_off(campaigns, intake, jobs, attempts, held):
    held = await launched(campaigns, intake, held)
    [running] = await attempts.claim("cpu-1", "t", "w", "cpu:0")

    await campaigns.decide(held, Decision(state=CampaignState.SUCCEEDED))

    states = {job.id: (job.state, job.wish) for job in await jobs.existing("p", list(held.jobs))}
    assert states.pop(running.id) == (State.RUNNING, "cancel")
    assert set(states.values()) == {(State.CANCELLED, None)}
    assert await campaigns.take() is None


async def test_called_off_it_is_cancelled_when_its_last_job_has_stopped(campaigns, intake, attempts, held):
    held = await launched(campaigns, intake, held)
    [running] = await attempts.claim("cpu-1", "t", "w", "cpu:0")

    called_off = await campaigns.cancel("p", "sweep", held.id)
    assert (called_off.state, called_off.wish) == (CampaignState.RUNNING, "cancel")
    await attempts.cancelled(running)

    assert (await campaigns.get("p", "sweep", held.id)).state is CampaignState.CANCELLED
    assert await campaigns.take() is None


async def test_no_job_comes_once_it_was_called_off(campaigns, intake, jobs, held):
    await campaigns.cancel("p", "sweep", held.id)

    assert await submitted(intake, held, 1) == ["over"]
    assert (await jobs.page("p", Filter(), 200, None)).data == ()


async def test_what_is_over_cannot_be_called_off_or_decided(campaigns, held):
    await campaigns.decide(held, Decision(state=CampaignState.SUCCEEDED))

    with pytest.raises(IllegalTransition):
        await campaigns.cancel("p", "sweep", held.id)
    again = await campaigns.get("p", "sweep", held.id)
    assert not await campaigns.decide(again, Decision(state=CampaignState.FAILED))


async def test_one_that_kills_whoever_looks_at_it_fails(campaigns, store, held):
    for _ in range(TRIES):
        assert (await campaigns.take()).state is CampaignState.RUNNING
        await store.redis.zadd("advancing", {held.id: 0})

    found = await campaigns.take()

    assert (found.state, found.reason.code) == (CampaignState.FAILED, "internal")
    assert await campaigns.take() is None


async def test_a_lease_that_is_kept_is_nobody_elses(campaigns, store, held):
    taken = await campaigns.take()
    await store.redis.zadd("advancing", {held.id: float(taken.lease) - 4000})
    before = replace(taken, lease=str(int(taken.lease) - 4000))

    kept = await campaigns.keep(before)

    assert int(kept.lease) >= int(taken.lease)
    assert await store.redis.zscore("advancing", held.id) == float(kept.lease)
    assert await campaigns.take() is None


async def test_a_lease_that_another_has_or_that_a_decision_ended_is_not_kept(campaigns, store, held):
    lost = await campaigns.take()
    await store.redis.zadd("advancing", {held.id: 0})
    taken = await campaigns.take()

    assert (await campaigns.keep(replace(lost, lease="0"))).lease == ""
    await campaigns.decide(taken, Decision())
    assert (await campaigns.keep(taken)).lease == ""


async def test_the_quota_counts_all_jobs_that_it_begins_with(campaigns, intake, held):
    await launched(campaigns, intake, held)

    with pytest.raises(QuotaExceeded):
        await campaigns.begin("p", "sweep", BODY, {}, (3, 5), None)
    assert len((await campaigns.page("p", "sweep", 10, None)).data) == 1


async def test_the_same_key_is_the_same_campaign(campaigns):
    key = Idempotency("key", "body")
    first, replayed_first = await campaigns.begin("p", "sweep", BODY, {}, (3, 1000), key)
    second, replayed_second = await campaigns.begin("p", "sweep", BODY, {}, (3, 1000), key)

    assert (first.id, replayed_first, replayed_second) == (second.id, False, True)
    with pytest.raises(IdempotencyMismatch):
        await campaigns.begin("p", "sweep", BODY, {}, (3, 1000), Idempotency("key", "other"))


@pytest.mark.parametrize(("project", "kind"), [("other", "sweep"), ("p", "study")])
async def test_of_another_project_or_kind_it_does_not_exist(campaigns, held, project, kind):
    with pytest.raises(NotFound):
        await campaigns.get(project, kind, held.id)
    with pytest.raises(NotFound):
        await campaigns.cancel(project, kind, held.id)
    assert (await campaigns.page(project, kind, 10, None)).data == ()


async def test_what_was_decided_and_never_launched_is_taken_up_again(campaigns, store, held):
    await campaigns.decide(held, Decision())

    assert await store.redis.zscore("advancing", held.id) > held.read_at.timestamp() * 1000
    await store.redis.zadd("advancing", {held.id: 0})
    assert (await campaigns.take()).id == held.id


async def test_once_launched_it_rests_until_its_time(campaigns, store, held):
    await campaigns.decide(held, Decision())
    await campaigns.launched(held, Decision())
    assert await store.redis.zscore("advancing", held.id) is None

    held = await campaigns.get("p", "sweep", held.id)
    soon = Decision(again_seconds=0.0)
    await campaigns.decide(held, soon)
    await campaigns.launched(held, soon)
    assert (await campaigns.take()).id == held.id


async def test_a_job_that_ends_while_others_are_launched_is_heeded(campaigns, intake, attempts, held):
    await campaigns.decide(held, Decision(heed_each=True))
    await launched(campaigns, intake, held)
    await end_one(attempts, "one")

    await campaigns.launched(held, Decision(heed_each=True))

    assert (await campaigns.take()).id == held.id


async def test_single_jobs_are_called_off_for_a_reason_while_it_goes_on(campaigns, intake, jobs, attempts, held):
    held = await launched(campaigns, intake, held)
    [running] = await attempts.claim("cpu-1", "t", "w", "cpu:0")
    queued = next(job for job in held.jobs if job != running.id)
    why = Reason(code="pruned", message="It fell behind.")
    decision = Decision(call_off={running.id: why, queued: why, "job_of_another": why})

    assert await campaigns.decide(held, decision)
    await attempts.cancelled(running)

    for job in await jobs.existing("p", [running.id, queued]):
        assert (job.state, job.reason) == (State.CANCELLED, why)
    left = await campaigns.get("p", "sweep", held.id)
    assert (left.state, left.ended) == (CampaignState.RUNNING, 2)


async def test_a_job_that_ends_before_it_is_called_off_keeps_its_end(campaigns, intake, jobs, attempts, held):
    held = await launched(campaigns, intake, held)
    [running] = await attempts.claim("cpu-1", "t", "w", "cpu:0")
    await campaigns.decide(held, Decision(call_off={running.id: Reason(code="pruned", message="It fell behind.")}))

    await attempts.succeed(running, Result(stopped_by="budget", parameters=1), [])

    [job] = await jobs.existing("p", [running.id])
    assert (job.state, job.reason) == (State.SUCCEEDED, None)


async def test_a_job_tells_on_what_hardware_it_was_trained_last(store, campaigns, intake, jobs, held):
    fast = Attempts(store, lease_seconds=10, max_losses=5, hardware="a fast CPU")
    await launched(campaigns, intake, held)
    [running] = await fast.claim("cpu-1", "t", "w", "cpu:0")

    [job] = await jobs.existing("p", [running.id])
    assert job.hardware == "a fast CPU"


async def test_a_campaign_whose_plan_makes_no_spec_fails_for_that_reason(store, campaigns, intake):
    body = {"base": {"task": "text-generation", "dataset": "grammar"}, "values": [32, 64], "seeds": 1}
    document = {"model": "transformer", "seeds": 1, "rounds": [[("sp", 32, 0.0)]]}
    begun, _ = await campaigns.begin("p", "transfer", body, document, (1, 1000), None)

    assert await Advancer(campaigns, PackedCurves(store), intake).advance_one()

    after = await campaigns.get("p", "transfer", begun.id)
    assert (after.state, after.reason.code) == (CampaignState.FAILED, "impossible")
    assert "greater than 0" in after.reason.message


async def test_campaigns_that_begin_at_one_time_share_the_quota(store, campaigns, jobs, intake):
    body = {"base": SPEC, "axes": {"seed": list(range(25))}}
    begun = await asyncio.gather(
        *(campaigns.begin("p", "sweep", body, {}, (25, 30), None) for _ in range(6)), return_exceptions=True
    )
    [(held, _)] = [each for each in begun if not isinstance(each, QuotaExceeded)]
    few = Intake(jobs, Datasets(store), Workers(store), 30)

    for seed in range(5):
        await few.submit(JobSpec.model_validate(SPEC | {"seed": seed}), "p")
    with pytest.raises(QuotaExceeded):
        await few.submit(JobSpec.model_validate(SPEC | {"seed": 5}), "p")
    await launched(campaigns, intake, held)

    assert len((await jobs.page("p", Filter(), 100, None)).data) == 30


@pytest.mark.parametrize("way", ["cancelled", "launched", "failed"])
async def test_room_that_a_campaign_does_not_need_any_more_is_given_back(campaigns, intake, held, way):
    if way == "cancelled":
        await campaigns.cancel("p", "sweep", held.id)
    elif way == "failed":
        await campaigns.decide(held, Decision(state=CampaignState.FAILED))
    else:
        await campaigns.decide(held, Decision())
        await campaigns.launched(held, Decision())

    await campaigns.begin("p", "sweep", BODY, {}, (3, 3), None)


async def test_a_decision_that_changes_nothing_is_not_put_down(store, campaigns, intake):
    units = {"learning_rate": {"low": 0.1, "high": 1}}
    body = {"base": SPEC, "units": units, "sampler": "random", "pruner": "median"}
    begun, _ = await campaigns.begin("p", "study", body, {}, (4, 1000), None)
    advancer = Advancer(campaigns, PackedCurves(store), intake)
    await advancer.advance_one()
    first = await campaigns.get("p", "study", begun.id)

    await store.redis.zadd("advancing", {begun.id: 0})
    assert await advancer.advance_one()
    again = await campaigns.get("p", "study", begun.id)

    assert (first.round, again.round) == (1, 1)
    assert not await advancer.advance_one()
    assert await store.redis.zscore("advancing", begun.id) > 0
