"""Advances campaigns: looks at what ended, decides what follows, submits it. Any node may; a decision counts once."""

import struct
from asyncio import create_task, gather, sleep, to_thread
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from unitscale.errors import Impossible, Malformed, NoWorker, StoreAway
from unitscale.models.campaigns import OVER, CampaignState, member_id
from unitscale.models.jobs import Job, Reason
from unitscale.wire.campaigns import LEASE_MS, Campaigns, Decision, Held
from unitscale.wire.curves import PackedCurves
from unitscale.wire.intake import Intake
from unitscale.wire.launching import launch
from worker.campaigns import studies, sweeps, transfers

Decide = Callable[[Held, Mapping[int, Job], Mapping[int, str]], Decision]
"""From a campaign, its jobs by place, and why jobs were refused, by place, to what follows. Given the same, it decides
the same."""
KINDS: dict[str, Decide] = {"sweep": sweeps.decide, "study": studies.decide, "transfer": transfers.decide}
WATCHED: dict[str, tuple[str, Callable[[Held], Sequence[int]]]] = {
    "study": ("val_loss", studies.watched),
    "transfer": (transfers.CHANGE, transfers.watched),
}
"""Kinds that decide by curves: which one, and the places of the jobs of which they are shown it."""
log = structlog.get_logger()


class Advancer:
    """Takes the campaigns that are due, one after the other."""

    def __init__(self, campaigns: Campaigns, curves: PackedCurves, intake: Intake) -> None:
        self._campaigns = campaigns
        self._curves = curves
        self._intake = intake

    async def advance_one(self) -> bool:
        """Advance the campaign that waits longest; False when none does."""
        try:
            held = await self._campaigns.take()
            if held is None:
                return False
            if held.state not in OVER and held.wish is None:
                await self._keep_and_advance(held)
        except StoreAway:
            return False
        except NoWorker as error:  # tried again when the lease has run out
            log.warning("a campaign waits to be advanced", why=error.message)
        return True

    async def _keep_and_advance(self, held: Held) -> None:
        keeping = create_task(self._keep(held))
        try:
            await self._advance_or_fail(held)
        finally:
            keeping.cancel()
            await gather(keeping, return_exceptions=True)

    async def _keep(self, held: Held) -> None:
        """Prolong the lease until a decision is put down."""
        while held.lease:
            await sleep(LEASE_MS / 3000)
            with suppress(StoreAway):
                held = await self._campaigns.keep(held)

    async def _advance_or_fail(self, held: Held) -> None:
        """Advance it. One whose plan makes no spec would never go on: it ends, and says why."""
        try:
            await self._advance(held)
        except Malformed as error:
            held = await self._campaigns.get(held.project, held.kind, held.id)
            message = " ".join([error.message, *(f"{pointer}: {detail}" for pointer, detail in error.fields)])
            reason = Reason(code=Impossible.code, message=message)
            await self._campaigns.decide(held, Decision(held.document, CampaignState.FAILED, reason))

    async def _advance(self, held: Held) -> None:
        """Submit what was decided before; decide; submit that. What is refused then is decided about at once."""
        known, refused = dict[int, str](), await launch(self._intake, held)
        while True:
            held = await self._with_curves(await self._campaigns.get(held.project, held.kind, held.id))
            jobs = await self._campaigns.jobs(held)
            decision = await to_thread(KINDS[held.kind], held, jobs, refused)
            if held.round and not refused and _changes_nothing(held, decision):
                return await self._campaigns.rest(held, decision)
            if not await self._campaigns.decide(held, decision):
                return None
            log.info("a campaign was advanced", campaign=held.id, round=held.round + 1, state=decision.state.value)
            if decision.state in OVER:
                return None
            after = await self._campaigns.get(held.project, held.kind, held.id)
            known, refused = refused, await launch(self._intake, after)
            if refused.keys() <= known.keys():
                return await self._campaigns.launched(held, decision)

    async def _with_curves(self, held: Held) -> Held:
        key, watched = WATCHED.get(held.kind, ("", _none))
        places = watched(held)
        jobs = [member_id(held.id, place) for place in places]
        packed = await self._curves.tracks(jobs, key, timed=False) if jobs else []
        curves = {
            place: list(struct.iter_unpack("<If", points)) for place, (points, *_) in zip(places, packed, strict=True)
        }
        return replace(held, curves=curves)


def _changes_nothing(held: Held, decision: Decision) -> bool:
    return decision.state not in OVER and not decision.call_off and decision.document == held.document


def _none(_: Held) -> Sequence[int]:
    return ()
