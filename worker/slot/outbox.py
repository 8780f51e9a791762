"""The outbox: a job's writes, in order, kept and repeated until the record has them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from unitscale.errors import LeaseLost, StoreAway

Write = Callable[[], Awaitable[Any]]
RETRY_SECONDS = 0.2


class Outbox:
    """Sends writes one after the other. An outage delays them; a lost lease ends them.

    Every write is a script that may be repeated, so that one which timed out is simply sent again.
    """

    def __init__(self, heard: Callable[[Any], None], lost: Callable[[], None]) -> None:
        self._heard = heard
        self._lost = lost
        self._writes: asyncio.Queue[Write] = asyncio.Queue()
        self._task = asyncio.create_task(self._send_all())

    def put(self, write: Write) -> None:
        """Send this after all that came before."""
        self._writes.put_nowait(write)

    async def sent(self) -> None:
        """Wait until the record has everything, or the lease is lost."""
        joined = asyncio.create_task(self._writes.join())
        await asyncio.wait({joined, self._task}, return_when=asyncio.FIRST_COMPLETED)
        joined.cancel()

    async def send(self) -> None:
        """Be there while writes are sent, so that an error no retry can mend is heard of. Raises it."""
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()

    def stop(self) -> None:
        """Send nothing more."""
        self._task.cancel()

    async def close(self) -> None:
        """Send nothing more, and be done."""
        self.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _send_all(self) -> None:
        while True:
            write = await self._writes.get()
            try:
                self._heard(await persist(write))
            except LeaseLost:
                self._lost()
                return
            self._writes.task_done()


async def persist(write: Write) -> Any:
    """Repeat a write until the record answers. Raises LeaseLost."""
    while True:
        try:
            return await write()
        except StoreAway:
            await asyncio.sleep(RETRY_SECONDS)
