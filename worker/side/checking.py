"""Checks of data sets: each by a trainer of its own, which gives all of its memory back."""

import asyncio
import contextlib
from asyncio import to_thread
from functools import partial
from pathlib import Path

import structlog

from unitscale.errors import StoreAway
from unitscale.models.jobs import Reason
from unitscale.wire.checks import Check, Checks
from unitscale.wire.uploads import Uploads
from worker import pipe
from worker.side.overheard import Overheard
from worker.slot.outbox import persist
from worker.slot.spare import Nursery, Trainer

log = structlog.get_logger()


class Checker:
    """Takes a check, holds it while a trainer reads the file, and puts down what it found.

    A check that is lost on the way (its process, this process, this node) is taken again when its lease has run out.
    """

    def __init__(self, checks: Checks, uploads: Uploads, nursery: Nursery, lease_seconds: float) -> None:
        self._checks = checks
        self._uploads = uploads
        self._nursery = Overheard(nursery)
        self._hold_seconds = lease_seconds / 4

    async def check_one(self) -> bool:
        """Do the check that waits longest; False when none waits."""
        try:
            check = await self._checks.take()
        except StoreAway:
            return False
        if check is None:
            return False
        if not check.token:
            await to_thread(self._uploads.forget, check.dataset, check.sha256)
            return True
        await self._hold_and_see_through(check)
        return True

    async def _hold_and_see_through(self, check: Check) -> None:
        """See a check through for as long as it is held. Cancelled, it gives the check back."""
        holding = asyncio.create_task(self._hold(check))
        seeing = asyncio.create_task(self._see_through(check))
        try:
            await asyncio.wait({holding, seeing}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            with contextlib.suppress(StoreAway):
                await self._checks.leave(check)
            raise
        finally:
            holding.cancel()
            seeing.cancel()
            await asyncio.gather(holding, seeing, return_exceptions=True)
        if not seeing.cancelled():
            seeing.result()

    async def _hold(self, check: Check) -> None:
        """Prolong the lease, from before there is a trainer; returns when the check was lost, or is needed no more."""
        held = True
        while held:
            await asyncio.sleep(self._hold_seconds)
            with contextlib.suppress(StoreAway):
                held = await self._checks.hold(check)

    async def _see_through(self, check: Check) -> None:
        folder = await persist(partial(to_thread, self._uploads.bring, check.dataset))
        trainer = await self._trainer()
        try:
            await trainer.order(_order(check, folder))
            async for message in trainer.said():
                if isinstance(message, pipe.Checked):
                    await self._put_down(check, message, folder)
                    return
            log.warning("a check's process died; it is tried again", dataset=check.dataset, trial=check.token)
        finally:
            await trainer.gone()

    async def _trainer(self) -> Trainer:
        """A new trainer. Nobody may leave the nursery in the middle of a birth: one that comes too late is sent off."""
        birth = asyncio.create_task(self._nursery.trainer())
        try:
            return await asyncio.shield(birth)
        except asyncio.CancelledError:
            birth.add_done_callback(_send_off)
            raise

    async def _put_down(self, check: Check, found: pipe.Checked, folder: Path) -> None:
        """Record what was found. Nothing is kept of what is invalid, or was deleted meanwhile."""
        if found.contents is not None:
            await persist(partial(to_thread, self._uploads.keep_prepared, check.dataset, folder, pipe.PREPARED))
            outcome = await persist(partial(self._checks.ready, check, found.contents))
        else:
            reason = Reason(code="bad_dataset", message=str(found.problem))
            outcome = await persist(partial(self._checks.invalid, check, reason))
        if outcome == "gone" or (outcome == "done" and found.contents is None):
            await to_thread(self._uploads.forget, check.dataset, check.sha256)


def _order(check: Check, folder: Path) -> pipe.Check:
    return pipe.Check(
        dataset=check.dataset,
        folder=str(folder),
        format=check.format,
        target=check.target,
        task=check.task,
    )


def _send_off(birth: "asyncio.Task[Trainer]") -> None:
    if not birth.cancelled() and birth.exception() is None:
        birth.result().orders.close()
