"""The reaper: takes back what lost supervisors held, and rings for what nobody was woken for.

It runs in every API process and every worker node, so that one of them alive is enough. It acts only after its own
round trips have been healthy for a lease and two seconds: after an outage the supervisors come first.
"""

import asyncio
import time

import structlog

from unitscale.errors import StoreAway
from unitscale.wire import doorbell
from unitscale.wire.store import Store

OUTAGE_SECONDS = 1.0
GRACE_SECONDS = 2.0
ROUND_SECONDS = 0.5

log = structlog.get_logger()


class Reaper:
    """Goes round twice a second."""

    def __init__(self, store: Store, lease_seconds: float, max_losses: int) -> None:
        self._store = store
        self._quiet = lease_seconds + GRACE_SECONDS
        self._max_losses = max_losses
        self._healthy_since: float | None = None

    async def run(self) -> None:
        """Go round until cancelled; an outage only delays it."""
        while True:
            try:
                await self.round()
            except StoreAway:
                self._healthy_since = None
            await asyncio.sleep(ROUND_SECONDS)

    async def round(self) -> None:
        """One heartbeat, then, if the last ones were healthy, one round. Raises StoreAway."""
        started = time.monotonic()
        await self._store.read(("PING",))
        ended = time.monotonic()
        if ended - started > OUTAGE_SECONDS or self._healthy_since is None:
            self._healthy_since = ended
        bell = doorbell.message(doorbell.TRAIN)
        await self._store.run("ring", bell, doorbell.message(doorbell.ANSWER))
        if ended - self._healthy_since >= self._quiet:
            reaped = await self._store.run("reap", self._max_losses, bell)
            if reaped:
                log.warning("leases ran out", jobs=reaped)
