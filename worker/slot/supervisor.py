"""The life of a group of jobs on one slot, from claimed to ended, whatever happens on the way."""

import asyncio
import contextlib
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from unitscale.errors import Internal, StoreAway
from unitscale.models.jobs import Reason
from unitscale.wire.attempts import Attempts, Claimed
from unitscale.wire.blobs import Blobs
from unitscale.wire.uploads import Uploads
from worker.pipe import Ended, Train
from worker.slot.lane import JobLane
from worker.slot.log import LOG_SECONDS, Log
from worker.slot.outbox import RETRY_SECONDS
from worker.slot.spare import Spare, Trainer

RENEW_SECONDS = 0.3
CLAIM_TRIES_SECONDS = 10.0
CANCEL_GRACE_SECONDS = 0.4
TERM_GRACE_SECONDS = 3.0
CHECKPOINT_GRACE_SECONDS = 20.0
PRESS_SECONDS = 0.1
SPARE_SECONDS = 0.01
FAILED = Reason(code="internal", message="The supervisor of the job failed; its worker's log says why.")

log = structlog.get_logger()


@dataclass
class Slot:
    """A set of devices that trains one group at a time, and what a supervisor needs to do so."""

    worker: str
    devices: tuple[str, ...]
    queue: str
    attempts: Attempts
    blobs: Blobs
    uploads: Uploads
    spare: Spare
    lease_seconds: float
    leaving: int
    """A descriptor that becomes readable when the worker is to leave, or its main process is gone."""
    price_per_device_hour: float | None = None

    @property
    def name(self) -> str:
        """The slot's devices in one word."""
        return ",".join(self.devices)

    @property
    def torch_devices(self) -> tuple[str, ...]:
        """The devices, as torch calls them."""
        return tuple("cpu" if device.startswith("cpu") else device for device in self.devices)


async def supervise(slot: Slot) -> None:
    """Take the best group there is, and see it through. A bell that finds nothing goes home.

    The trainer comes first: a slot that is still warming up leaves the jobs to others, and none is lost with it.
    """
    trainer = await slot.spare.take()
    group: list[Claimed] = []
    try:
        group = await _claim(slot)
    finally:
        if not group:
            slot.spare.put_back(trainer)
    if not group:
        return
    news = asyncio.Event()
    lanes = {job.id: JobLane(job, slot.attempts, slot.blobs, slot.uploads, news, slot.name) for job in group}
    try:
        await _see_through(slot, trainer, lanes, news)
    except* Exception as failed:
        log.error("a supervisor's duty failed; its attempt ends", error=repr(failed.exceptions), exc_info=True)
        await _give_up(slot, lanes)
    slot.spare.prepare()
    await asyncio.sleep(0)  # so that it is asked for before this loop stops


async def _see_through(slot: Slot, trainer: Trainer, lanes: dict[str, JobLane], news: asyncio.Event) -> None:
    """Train the group, and have the record know. Whatever fails, the trainer is gone after it."""
    sending = (lane.send() for lane in lanes.values())
    try:
        async with _beside(_renew(slot, lanes), _hear_leaving(slot, lanes), *sending):
            await _train(slot, trainer, lanes, news)
            for lane in lanes.values():
                await lane.close()
    finally:
        await trainer.gone()


async def _give_up(slot: Slot, lanes: dict[str, JobLane]) -> None:
    """Give back what has not ended. What cannot be given back is found by the reaper once its lease has run out."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(slot.lease_seconds):
            await asyncio.gather(*(_give_back(slot, lane) for lane in lanes.values()), return_exceptions=True)


async def _give_back(slot: Slot, lane: JobLane) -> None:
    with contextlib.suppress(Exception):  # it may be what failed
        await lane.close()
    await slot.attempts.lose(lane.job, FAILED)


async def _claim(slot: Slot) -> list[Claimed]:
    ticket, until = uuid.uuid4().hex, time.monotonic() + CLAIM_TRIES_SECONDS
    while True:
        try:
            return await slot.attempts.claim(slot.queue, ticket, slot.worker, slot.name)
        except StoreAway:
            if time.monotonic() > until:
                return []
            await asyncio.sleep(RETRY_SECONDS)


async def _train(slot: Slot, trainer: Trainer, lanes: dict[str, JobLane], news: asyncio.Event) -> None:
    brought = [lane for lane in lanes.values() if await lane.bring()]
    if not brought:
        _all_gone(lanes, _reason_of(await trainer.gone()))
        return
    orders, price = tuple(lane.order() for lane in brought), slot.price_per_device_hour
    measure = len(orders) > 1 and not all(lane.job.measured for lane in brought)
    await trainer.order(Train(devices=slot.torch_devices, price_per_device_hour=price, measure=measure, lanes=orders))
    printed = Log(trainer, lanes)
    async with _beside(printed.keep()) as [logged]:
        async with _beside(_obey(trainer, lanes, news)):
            await listen(trainer, lanes, printed, slot)
            status = await trainer.gone()
        await asyncio.wait({logged}, timeout=LOG_SECONDS)
    _all_gone(lanes, _reason_of(status))


async def listen(trainer: Trainer, lanes: dict[str, JobLane], printed: Log, slot: Slot) -> None:
    """Hear the trainer out. Of one that cannot be understood every open job fails."""
    try:
        await _hear_out(trainer, lanes, printed, slot)
    except Internal as error:
        reason = Reason(code=error.code, message=error.message)
        for lane in lanes.values():
            lane.take(Ended(job=lane.job.id, reason=reason))


async def _hear_out(trainer: Trainer, lanes: dict[str, JobLane], printed: Log, slot: Slot) -> None:
    """The next spare is made soon after the first step, which the record is to hear of first."""
    async for message in trainer.said():
        if message.say == "ready":
            continue
        if message.say == "ended":
            await printed.catch_up()
        lane = lanes[message.job]
        lane.take(message, beside=any(not other.over for other in lanes.values() if other is not lane))
        if message.say == "started":
            asyncio.get_running_loop().call_later(SPARE_SECONDS, slot.spare.prepare)
        if all(lane.over for lane in lanes.values()):
            return


async def _renew(slot: Slot, lanes: dict[str, JobLane]) -> None:
    """Prolong the leases, hear wishes. An outage is waited out: the job trains on."""
    every = min(RENEW_SECONDS, slot.lease_seconds / 3)
    while True:
        await asyncio.sleep(every)
        with contextlib.suppress(StoreAway):
            held = [lane for lane in lanes.values() if lane.held]
            wishes = await slot.attempts.renew([lane.job for lane in held])
            for lane in held:
                if lane.job.id in wishes:
                    lane.wish(wishes[lane.job.id])
                elif lane.held:
                    lane.lose_lease()


async def _hear_leaving(slot: Slot, lanes: dict[str, JobLane]) -> None:
    """Tell every lane to leave when the worker does."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(slot.leaving, told.set)
    try:
        await told.wait()
    finally:
        loop.remove_reader(slot.leaving)
    for lane in lanes.values():
        lane.wish("leave")


async def _obey(trainer: Trainer, lanes: dict[str, JobLane], news: asyncio.Event) -> None:
    """Pass orders on. A trainer that does not obey is asked by SIGTERM, then killed; so is one that nobody needs."""
    sent: set[tuple[str, str]] = set()
    while True:
        for lane in lanes.values():
            if lane.stop is not None and not lane.over and (lane.job.id, lane.stop.why) not in sent:
                sent.add((lane.job.id, lane.stop.why))
                await trainer.order(lane.stop)
        if all(lane.over for lane in lanes.values()):
            trainer.signal(signal.SIGKILL)
            return
        _press(trainer, [lane for lane in lanes.values() if not lane.over])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PRESS_SECONDS):
                await news.wait()
        news.clear()


def _press(trainer: Trainer, lanes: Sequence[JobLane]) -> None:
    """Signal a trainer all of whose jobs are to stop and which takes too long over it."""
    stops = [(lane.stop, lane.stop_asked_at) for lane in lanes]
    if any(stop is None for stop, _ in stops):
        return
    cancelled = all(stop is not None and stop.why == "cancel" for stop, _ in stops)
    waited = time.monotonic() - max(asked for _, asked in stops)
    grace = CANCEL_GRACE_SECONDS if cancelled else CHECKPOINT_GRACE_SECONDS
    if waited > grace + TERM_GRACE_SECONDS:
        trainer.signal(signal.SIGKILL)
    elif waited > grace:
        trainer.signal(signal.SIGTERM)


def _all_gone(lanes: dict[str, JobLane], reason: Reason) -> None:
    for lane in lanes.values():
        lane.trainer_gone(reason)


def _reason_of(status: int) -> Reason:
    if status >= 0 and os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return Reason(code="killed", message=f"The trainer was killed by {name}.")
    return Reason(code="killed", message=f"The trainer went away with status {status} and without a word.")


@contextlib.asynccontextmanager
async def _beside(*duties: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Do these beside the body; they end with it. One that fails ends the body and the others at once."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(duty) for duty in duties]
        yield tasks
        for task in tasks:
            task.cancel()
