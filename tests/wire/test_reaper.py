"""The reaper acts only when its own heartbeats have been healthy."""

import asyncio

import pytest

from unitscale.errors import StoreAway
from unitscale.wire.reaper import Reaper
from unitscale.wire.store import Store, connect


async def a_late_job(store: Store) -> None:
    fields = ("state", "running", "attempt", 1, "queue", "cpu-1", "band", 1, "project", "lab", "losses", 0)
    await store.read(("HSET", "job:late", *fields), ("ZADD", "leases", 1, "late"))


async def state(store: Store) -> bytes:
    [found] = await store.read(("HGET", "job:late", "state"))
    return found


async def test_it_waits_for_a_lease_and_two_seconds_of_health(store):
    await a_late_job(store)
    reaper = Reaper(store, lease_seconds=-1.9, max_losses=5)

    await reaper.round()
    before = await state(store)
    await asyncio.sleep(0.15)
    await reaper.round()

    assert (before, await state(store)) == (b"running", b"queued")


async def test_an_outage_starts_the_wait_anew(store):
    await a_late_job(store)
    nowhere = Store(connect("unix:///nowhere.sock", 1))
    reaper = Reaper(store, lease_seconds=-1.9, max_losses=5)
    await reaper.round()
    await asyncio.sleep(0.15)
    task = asyncio.create_task(Reaper(nowhere, 1, 5).run())
    await asyncio.sleep(0.05)

    assert not task.done()
    task.cancel()
    with pytest.raises(StoreAway):
        await Reaper(nowhere, 1, 5).round()
