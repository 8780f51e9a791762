"""Advances campaigns: looks at what ended, decides what follows, submits it. Any node may; a decision counts once."""

from asyncio import to_thread
from collections.abc import Callable, Mapping

import structlog

from unitscale.errors import StoreAway
from unitscale.models.campaigns import OVER
from unitscale.models.jobs import Job
from unitscale.wire.campaigns import Campaigns, Decision, Held
from unitscale.wire.intake import Intake
from unitscale.wire.launching import launch
from worker.campaigns import sweeps, transfers

Decide = Callable[[Held, Mapping[int, Job], Mapping[int, str]], Decision]
"""From a campaign, its jobs by place, and why jobs were refused, by place, to what follows. Given the same, it decides
the same."""
KINDS: dict[str, Decide] = {"sweep": sweeps.decide, "transfer": transfers.decide}
log = structlog.get_logger()


class Advancer:
    """Takes the campaigns that are due, one after the other."""

    def __init__(self, campaigns: Campaigns, intake: Intake) -> None:
        self._campaigns = campaigns
        self._intake = intake

    async def advance_one(self) -> bool:
        """Advance the campaign that waits longest; False when none does."""
        try:
            held = await self._campaigns.take()
            if held is None:
                return False
            if held.state not in OVER and held.wish is None:
                await self._advance(held)
        except StoreAway:
            return False
        return True

    async def _advance(self, held: Held) -> None:
        """Submit what was decided before; decide; submit that."""
        refused = await launch(self._intake, held)
        held = await self._campaigns.get(held.project, held.kind, held.id)
        jobs = await self._campaigns.jobs(held)
        decision = await to_thread(KINDS[held.kind], held, jobs, refused)
        if await self._campaigns.decide(held, decision) and decision.state not in OVER:
            await launch(self._intake, await self._campaigns.get(held.project, held.kind, held.id))
        log.info("a campaign was advanced", campaign=held.id, round=held.round + 1, state=decision.state.value)
