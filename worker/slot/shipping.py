"""Shipping: a lane's files are sent to where every machine finds them before the record points to them."""

from asyncio import to_thread
from functools import partial

from unitscale.wire.blobs import Blobs
from worker.slot.outbox import Outbox, Write


class Shipping:
    """Hands writes to the outbox, in order, each once the files that it speaks of are kept.

    Files are sent beside the other writes, so that points do not wait for them. While the object store is away,
    training goes on: a checkpoint that waits gives way to a newer one. Where files lie in their place already, nothing
    is done.
    """

    def __init__(self, blobs: Blobs, outbox: Outbox) -> None:
        self._blobs = blobs
        self._outbox = outbox
        self._waiting = 0
        self._newest = ""
        self._sendings = Outbox(lambda _: None, lambda: None) if blobs.shelf.elsewhere else None

    @property
    def busy(self) -> bool:
        """Whether files are still to be sent."""
        return self._waiting > 0

    def checkpoint(self, name: str, write: Write) -> None:
        """Write once this checkpoint is kept; where a newer one waits by then, this one is dropped."""
        self._newest = name
        self._put(partial(self._checkpoint, name, write), write)

    def last(self, name: str | None, write: Write) -> None:
        """Write once this folder, and all before it, is kept."""
        self._put(partial(self._keep, name, write), write)

    async def send(self) -> None:
        """Be there while files are sent. Raises what no retry can mend."""
        if self._sendings is not None:
            await self._sendings.send()

    def stop(self) -> None:
        """Send nothing more: the lease is lost."""
        self._waiting = 0
        if self._sendings is not None:
            self._sendings.stop()

    async def sent(self) -> None:
        """Wait until everything is sent."""
        if self._sendings is not None:
            await self._sendings.sent()
            await self._sendings.close()

    def _put(self, sending: Write, write: Write) -> None:
        if self._sendings is None:
            self._outbox.put(write)
        else:
            self._waiting += 1
            self._sendings.put(sending)

    async def _checkpoint(self, name: str, write: Write) -> None:
        if name == self._newest:
            await self._keep(name, write)
        else:
            await to_thread(self._blobs.shelf.clear, name)
            self._waiting -= 1

    async def _keep(self, name: str | None, write: Write) -> None:
        if name is not None:
            await to_thread(self._blobs.keep, name)
        self._outbox.put(write)
        self._waiting -= 1
