"""The survey: what the trainers of a node can do, found out once by a process of theirs, and kept up to date."""

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from unitscale.models.workers import Abilities
from worker import environment
from worker.pipe import Found

SECONDS = 300.0
AGAIN_SECONDS = 30.0

log = structlog.get_logger()


class Survey:
    """Asks once, since packages that are installed later need a new node anyway; data sets may come at any time."""

    def __init__(self, cache_folder: Path, devices: Sequence[str]) -> None:
        self._cache_folder, self._devices = cache_folder, devices
        self._found: Found | None = None

    @property
    def abilities(self) -> Abilities | None:
        """What the trainers can do now; None while that is not known."""
        if self._found is None:
            return None
        known = self._found.abilities
        there = (name for name, file in self._found.fetched.items() if (self._cache_folder / file).exists())
        return known.model_copy(update={"datasets": (*known.datasets, *there)})

    async def run(self) -> None:
        """Ask until there is an answer, and say which plug-ins are broken."""
        while self._found is None:
            try:
                async with asyncio.timeout(SECONDS):
                    self._found = await self._ask()
            except (ValueError, OSError, TimeoutError) as error:
                log.error("what this node can do could not be found out; its log says why", error=str(error)[:500])
                await asyncio.sleep(AGAIN_SECONDS)
        for broken in self._found.abilities.plugins.broken:
            log.error("a plug-in is broken and left out", entry_point=broken.entry_point, problem=broken.problem)

    async def _ask(self) -> Found:
        command = (sys.executable, "-m", "worker.trainer.process.abilities", str(self._cache_folder), *self._devices)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            env=environment.of_trainers(self._cache_folder),
        )
        try:
            said, _ = await process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()  # called off, too, it leaves no process and no open pipe
        return Found.model_validate_json(said)
