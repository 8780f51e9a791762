"""A claim takes, with the best job, others that may train with it."""

import itertools

import pytest

from unitscale.errors import LeaseLost
from unitscale.models.alike import Finding
from unitscale.models.document import moment
from unitscale.models.jobs import Fused, Reason, State
from unitscale.models.specs import JobSpec
from unitscale.models.workers import Slot, Worker
from unitscale.wire.attempts import MOST_LANES, Attempts
from unitscale.wire.datasets import Datasets
from unitscale.wire.intake import Intake
from unitscale.wire.jobs import Jobs
from unitscale.wire.workers import Workers

LAB = "lab"
TICKETS = (f"ticket-{n}" for n in itertools.count())
FUSED = Fused(lanes=2, why="two cost little more than one")
KILLED = Reason(code="killed", message="The trainer was killed.")


@pytest.fixture
def jobs(store):
    return Jobs(store, Workers(store))


@pytest.fixture
def intake(store, jobs):
    return Intake(jobs, Datasets(store), Workers(store), max_unfinished_jobs=2000)


@pytest.fixture
def attempts(store):
    return Attempts(store, lease_seconds=30, max_losses=5, hardware="a computer")


@pytest.fixture
def submit(intake):
    async def ids(count=1, project=LAB, **fields):
        specs = [JobSpec.model_validate({"task": "regression", "seed": seed} | fields) for seed in range(count)]
        return [(await intake.submit(spec, project))[0].id for spec in specs]

    return ids


@pytest.fixture
def claim(attempts):
    async def group(slot="cpu:0"):
        return await attempts.claim("cpu-1", next(TICKETS), "node", slot)

    return group


async def measured(submit, claim, attempts, finding):
    """What a group was found to cost, by one of its jobs, which has ended since."""
    await submit(1)
    [job] = await claim()
    await attempts.group(job, FUSED, True, finding)
    await attempts.cancelled(job)


def ids_of(group):
    return [job.id for job in group]


async def with_slots(store, count):
    slots = tuple(Slot(devices=(f"cpu:{n}",), queue="cpu-1") for n in range(count))
    seen = {"started_at": moment(0), "seen_at": moment(0)}
    await Workers(store).describe(Worker(id="node", hardware="", device="cpu", slots=slots, version="0", **seen))


async def test_jobs_that_are_alike_are_taken_together_in_their_order(submit, claim, jobs):
    ids = await submit(5)

    group = await claim()

    assert ids_of(group) == ids
    assert {job.state for job in await jobs.get_many(LAB, ids)} == {State.RUNNING}
    assert {job.fused.lanes for job in await jobs.get_many(LAB, ids)} == {5}


async def test_a_repeated_ticket_gets_the_same_group(submit, attempts):
    await submit(3)

    first = await attempts.claim("cpu-1", "once", "node", "cpu:0")
    await submit(2)

    assert len(first) == 3
    assert await attempts.claim("cpu-1", "once", "node", "cpu:0") == first


@pytest.mark.parametrize(
    "other",
    [
        {"dataset": "diabetes"},
        {"model": {"kind": "mlp"}},
        {"budget": {"epochs": 7}},
        {"units": {"batch_size": 8}},
        {"units": {"precision": "bf16"}},
        {"optimizer": {"name": "sgd"}},
        {"evaluation": {"every_steps": 3}},
        {"priority": "low"},
        {"resources": {"alone": True}},
        {"budget": {"max_seconds": 9}},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_jobs_that_differ_in_what_is_no_lanes_own_are_not_mixed(submit, claim, other):
    plain, odd = await submit(2), await submit(2, **other)

    groups = [ids_of(await claim()) for _ in range(3)]

    assert groups[0] == plain
    assert groups[1] + groups[2] == (odd if len(groups[1]) == 1 else [*odd, *groups[2]])


async def test_rates_seeds_and_schedules_are_a_lanes_own(submit, claim):
    [first] = await submit(units={"learning_rate": 0.1})
    [other] = await submit(units={"learning_rate": 0.2}, schedule={"name": "cosine"}, optimizer={"clip_norm": 1})
    [third] = await submit(budget={"target_loss": 0.5}, checkpoint={"every_seconds": 5}, name="third")

    assert ids_of(await claim()) == [first, other, third]


async def test_projects_are_never_mixed_and_take_turns(submit, claim):
    ours = await submit(4)
    theirs = await submit(2, project="rivals")
    later = await submit(1)

    groups = [ids_of(await claim()) for _ in range(2)]

    assert groups == [[*ours, *later], theirs]


async def test_a_project_with_many_jobs_alike_does_not_hold_another_up(submit, claim):
    await submit(4)
    [theirs] = await submit(1, project="rivals", dataset="diabetes")
    await submit(4, dataset="diabetes")
    await claim()

    assert ids_of(await claim()) == [theirs]


async def test_free_slots_share_what_waits(store, submit, claim):
    await with_slots(store, 3)
    ids = await submit(8)

    sizes = [len(await claim(f"cpu:{n}")) for n in range(3)]

    assert sizes == [3, 3, 2]
    assert len(ids) == sum(sizes)


async def test_jobs_for_each_of_which_a_slot_is_free_train_alone(store, submit, claim, jobs):
    await with_slots(store, 2)
    ids = await submit(2)

    sizes = [len(await claim(f"cpu:{n}")) for n in range(2)]

    assert sizes == [1, 1]
    assert (await jobs.get(LAB, ids[0])).fused.why == "as many slots were free as jobs like it waited"


async def test_slots_that_train_do_not_count_as_free(store, submit, claim):
    await with_slots(store, 2)
    await submit(1, resources={"alone": True})
    await claim("cpu:1")
    ids = await submit(6)

    assert ids_of(await claim("cpu:0")) == ids


async def test_jobs_train_together_only_from_the_same_step(submit, claim, attempts):
    ids = await submit(3)
    group = await claim()
    for job, step in zip(group, (5, 5, 9), strict=True):
        await attempts.publish(job, {"step": step, "attempt": 1, "folder": "x", "bytes": 1, "points": {}})
        await attempts.release(job)
    fresh = await submit(2)

    groups = [ids_of(await claim()) for _ in range(3)]

    assert sorted(map(sorted, groups)) == sorted([sorted(ids[:2]), ids[2:], sorted(fresh)])


async def test_a_job_that_left_the_queue_is_taken_with_nobody(submit, claim, intake):
    ids = await submit(4)
    await intake.cancel(ids[1], LAB)
    await intake.pause(ids[2], LAB)

    assert ids_of(await claim()) == [ids[0], ids[3]]
    await intake.resume(ids[2], LAB)
    assert ids_of(await claim()) == [ids[2]]


async def test_what_was_lost_twice_in_a_row_trains_alone(submit, claim, attempts, jobs):
    ids = await submit(3)
    for _ in range(2):
        group = await claim()
        assert sorted(ids_of(group)) == sorted(ids)
        for job in group:
            await attempts.lose(job, KILLED)

    [alone] = await claim()

    assert (await jobs.get(LAB, alone.id)).fused.why == "it was lost twice in a row"


async def test_no_more_are_taken_than_a_claim_can_bear(submit, claim):
    await submit(MOST_LANES + 4)

    assert [len(await claim()) for _ in range(2)] == [MOST_LANES, 4]


async def test_what_does_not_belong_goes_back_to_its_old_place_and_nothing_is_lost(submit, claim, attempts, jobs):
    ids = await submit(4)
    [later] = await submit(1, dataset="diabetes")
    finding = Finding(most=2, tried=4, why="measured")
    for place, job in enumerate(await claim()):
        await attempts.group(job, FUSED, place < 2, finding)

    kept, back = await jobs.get_many(LAB, ids[:2]), await jobs.get_many(LAB, ids[2:])

    assert [(job.state, job.fused) for job in kept] == [(State.RUNNING, FUSED)] * 2
    assert [(job.state, job.fused, job.losses, job.started_at) for job in back] == [(State.QUEUED, None, 0, None)] * 2
    assert [job.queue.position for job in back] == [0, 1]
    assert (await jobs.get(LAB, later)).queue.position == 2


async def test_no_more_are_taken_than_were_measured_to_pay(submit, claim, attempts, jobs):
    await measured(submit, claim, attempts, Finding(most=2, tried=5, why="measured"))
    ids = await submit(5)

    group = await claim()

    assert ids_of(group) == ids[:2]
    assert all(job.measured for job in group)
    assert (await jobs.get(LAB, ids[0])).fused.why == "measured"


async def test_where_the_largest_group_was_the_best_a_larger_one_is_taken_and_measured(submit, claim, attempts):
    await measured(submit, claim, attempts, Finding(most=4, tried=4, why="measured"))
    ids = await submit(6)

    group = await claim()

    assert ids_of(group) == ids
    assert not any(job.measured for job in group)


async def test_what_was_measured_elsewhere_says_nothing_here(store, submit, claim):
    elsewhere = Attempts(store, lease_seconds=30, max_losses=5, hardware="another computer")
    await measured(submit, claim, elsewhere, Finding(most=1, tried=5, why="measured"))
    ids = await submit(3)

    assert ids_of(await claim()) == ids


async def test_a_stale_attempt_puts_nothing_back(submit, claim, attempts, jobs):
    [only] = await submit(1)
    [stale] = await claim()
    await attempts.release(stale)
    await claim()

    with pytest.raises(LeaseLost):
        await attempts.group(stale, FUSED, False, None)
    assert (await jobs.get(LAB, only)).state is State.RUNNING


async def test_the_wish_of_a_job_that_does_not_belong_comes_true(submit, claim, attempts, intake, jobs):
    ids = await submit(2)
    _, other = await claim()
    await intake.cancel(other.id, LAB)

    await attempts.group(other, FUSED, False, None)

    assert (await jobs.get(LAB, ids[1])).state is State.CANCELLED


@pytest.mark.parametrize(("tried", "why"), [(8, "at most 4 pay: measured"), (4, "up to 4 pay: measured")])
async def test_a_group_that_is_smaller_than_what_was_measured_says_so(submit, claim, attempts, jobs, tried, why):
    await measured(submit, claim, attempts, Finding(most=4, tried=tried, why="measured"))
    ids = await submit(3)

    await claim()

    fused = (await jobs.get(LAB, ids[0])).fused
    assert (fused.lanes, fused.why) == (3, why)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "no other job like it waited"),
        ({"resources": {"alone": True}}, "it asked to train alone"),
        ({"task": "image-classification"}, "models of kind convnet have no lanes"),
    ],
)
async def test_a_job_alone_says_why(submit, claim, jobs, fields, why):
    [job] = await submit(1, **fields)
    assert (await jobs.get(LAB, job)).fused is None

    await claim()

    fused = (await jobs.get(LAB, job)).fused
    assert (fused.lanes, fused.why) == (1, why)
