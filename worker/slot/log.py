"""What a trainer prints, on its way to the record: a few times a second, and all of it before a job's end."""

import asyncio
from collections.abc import Mapping

from worker.slot.lane import JobLane
from worker.slot.spare import Trainer

LOG_SECONDS = 0.2
LOG_LINES_A_FLUSH = 200
LOG_LINE_CHARACTERS = 4000
TURNS = 4
"""Of the event loop: one finds what lies in the pipe, the next wakes who reads it; and as many to spare."""


class Log:
    """Lines that wait to be written down, for every lane."""

    def __init__(self, trainer: Trainer, lanes: Mapping[str, JobLane]) -> None:
        self._pipe = trainer.log
        self._lanes = lanes
        self._lines: list[bytes] = []

    async def keep(self) -> None:
        """Read to the end; a flood is cut, and says so."""
        while line := await self._pipe.readline():
            self._lines.append(line)
            if len(self._lines) == 1:
                asyncio.get_running_loop().call_later(LOG_SECONDS, self._write)
        self._write()

    async def catch_up(self) -> None:
        """Write down what was printed before the message that was just heard: it lies in its pipe by then."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
        self._write()

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        if not lines:
            return
        kept = [line.decode(errors="replace").rstrip("\n")[:LOG_LINE_CHARACTERS] for line in lines[:LOG_LINES_A_FLUSH]]
        if len(lines) > LOG_LINES_A_FLUSH:
            kept.append(f"… {len(lines) - LOG_LINES_A_FLUSH} lines were written too fast to be kept")
        for lane in self._lanes.values():
            lane.write_log(kept)
