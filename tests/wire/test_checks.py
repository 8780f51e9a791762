"""The life of a check: held by one, lost, taken again, put down once."""

import asyncio

import pytest

from unitscale.models.datasets import Contents, DatasetForm, DatasetState, Splits
from unitscale.models.jobs import Reason
from unitscale.models.specs import TaskName
from unitscale.wire import doorbell
from unitscale.wire.checks import TRIES, Checks
from unitscale.wire.datasets import Datasets, Upload, fresh_id

FORM = DatasetForm(task=TaskName.REGRESSION, name="x")
CONTENTS = Contents(rows=10, splits=Splits(training=8, validation=1, test=1))
RAGGED = Reason(code="bad_dataset", message="Row 3 is ragged.")


@pytest.fixture
def datasets(store):
    return Datasets(store)


@pytest.fixture
def checks(store):
    return Checks(store, lease_seconds=0.05)


@pytest.fixture
async def uploaded(datasets):
    dataset, _ = await datasets.add("p", Upload(fresh_id(), FORM, ".csv", 3, "00" * 32), None)
    return dataset.id


async def test_a_check_is_held_by_one(store, uploaded):
    checks = Checks(store, lease_seconds=60)

    assert (await checks.take()).dataset == uploaded
    assert await checks.take() is None


async def test_a_lost_check_is_taken_by_another_and_the_first_ones_words_are_void(checks, datasets, uploaded):
    first = await checks.take()
    await asyncio.sleep(0.1)
    second = await checks.take()

    assert not await checks.hold(first)
    assert await checks.invalid(first, RAGGED) == "lost"
    assert await checks.ready(second, CONTENTS) == "done"
    assert (await datasets.get("p", uploaded)).state is DatasetState.READY


async def test_holding_keeps_a_check(checks, uploaded):
    check = await checks.take()
    for _ in range(4):
        await asyncio.sleep(0.03)
        assert await checks.hold(check)

    assert await checks.take() is None


async def test_saying_it_twice_changes_nothing(checks, datasets, uploaded):
    check = await checks.take()
    await checks.ready(check, CONTENTS)
    before = await datasets.get("p", uploaded)

    assert await checks.ready(check, CONTENTS) == "done"
    assert await checks.invalid(check, RAGGED) == "lost"
    assert await datasets.get("p", uploaded) == before
    assert not await checks.hold(check)


async def test_a_file_that_kills_every_check_is_invalid(checks, datasets, uploaded):
    for _ in range(TRIES):
        assert await checks.take() is not None
        await asyncio.sleep(0.1)

    given_up = await checks.take()

    assert (given_up.dataset, given_up.token) == (uploaded, 0)
    assert await checks.take() is None
    assert "lost" in (await datasets.get("p", uploaded)).reason.message


async def test_a_deleted_data_set_is_gone_for_its_check(checks, datasets, uploaded):
    check = await checks.take()
    await datasets.delete("p", uploaded)

    assert await checks.ready(check, CONTENTS) == "gone"
    assert await checks.take() is None


async def test_a_check_that_waits_is_rung_for(store, uploaded):
    await store.read(("DEL", "celery:side"))
    bells = [doorbell.message(task) for task in (doorbell.TRAIN, doorbell.ANSWER)]

    await store.run("ring", *bells)
    await store.run("ring", *bells)

    assert await store.read(("LLEN", "celery:side")) == [1]


async def test_what_is_held_is_not_rung_for(store, uploaded):
    await Checks(store, lease_seconds=60).take()
    await store.read(("DEL", "celery:side"))

    await store.run("ring", doorbell.message(doorbell.TRAIN), doorbell.message(doorbell.ANSWER))

    assert await store.read(("LLEN", "celery:side")) == [0]


async def test_a_check_that_was_given_back_is_no_loss(store, datasets, uploaded):
    checks = Checks(store, lease_seconds=60)
    for _ in range(TRIES + 2):
        check = await checks.take()
        await checks.leave(check)
        await checks.leave(check)

    assert await checks.ready(await checks.take(), CONTENTS) == "done"
