"""Child processes that are kept alive: started again when they die, ended together, never left behind."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

RESTART_SECONDS = 0.2
LONGEST_RESTART_SECONDS = 10.0
STEADY_SECONDS = 10.0
PR_SET_PDEATHSIG = 1

log = structlog.get_logger()


@dataclass
class Child:
    """A command that should always be running."""

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict[str, str])
    process: asyncio.subprocess.Process | None = None


class Children:
    """Runs commands until told to stop."""

    def __init__(self, grace_seconds: float) -> None:
        self._grace = grace_seconds
        self._keepers: list[tuple[Child, asyncio.Task[None]]] = []

    async def start(self, child: Child) -> None:
        """Start a child and keep it alive."""
        await _launch(child)
        self._keepers.append((child, asyncio.create_task(_keep(child))))

    async def stop(self) -> None:
        """End the children, the last started first: ask, wait for at most the grace, then kill."""
        for child, keeper in reversed(self._keepers):
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await _end(child, self._grace)
        self._keepers.clear()


async def _launch(child: Child) -> None:
    child.process = await asyncio.create_subprocess_exec(
        *child.command,
        env=os.environ | child.environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in a terminal reaches the parent alone, which ends its children in order
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )


async def _keep(child: Child) -> None:
    """Start a child again whenever it dies: at once if it was killed, ever later if it ends by itself."""
    pause = RESTART_SECONDS
    while True:
        started = time.monotonic()
        status = await _process(child).wait()
        crashed_early = status >= 0 and time.monotonic() - started < STEADY_SECONDS
        pause = min(pause * 2, LONGEST_RESTART_SECONDS) if crashed_early else RESTART_SECONDS
        log.warning("a process died and is started again", process=child.name, status=status)
        await asyncio.sleep(pause)
        await _launch(child)


async def _end(child: Child, grace_seconds: float) -> None:
    process = _process(child)
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(grace_seconds):
            await process.wait()
    except TimeoutError:
        log.warning("a process did not end in time and is killed", process=child.name)
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _process(child: Child) -> asyncio.subprocess.Process:
    if child.process is None:
        raise RuntimeError(f"{child.name} was not started")
    return child.process


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
