"""What the trainers of the side queue print, on its way to the worker's log."""

import asyncio
from collections.abc import Iterable

import structlog

from worker.slot.spare import Nursery, Trainer

CHUNK_BYTES = 2**16
LINE_BYTES = 4000
log = structlog.get_logger()


class Overheard:
    """A nursery of whose trainers the worker's log has every line."""

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery
        self._listening: set[asyncio.Task[None]] = set()

    async def trainer(self) -> Trainer:
        """A new trainer. Raises ConnectionError when the nursery keeps dying."""
        trainer = await self._nursery.trainer()
        listening = asyncio.create_task(write_down(trainer.log))
        self._listening.add(listening)
        listening.add_done_callback(self._listening.discard)
        return trainer


async def write_down(pipe: asyncio.StreamReader) -> None:
    """Each line that is not empty, to the end; of a long one, the beginning."""
    rest = b""
    while chunk := await pipe.read(CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        _write(whole)
        rest = rest[:LINE_BYTES]
    _write([rest])


def _write(lines: Iterable[bytes]) -> None:
    for line in filter(None, lines):
        log.warning("a trainer printed", line=line[:LINE_BYTES].decode(errors="replace"))
