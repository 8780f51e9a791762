"""Fits of scaling laws: one at a time, each in a process of its own, so that no request waits for numbers."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import structlog

from unitscale.errors import Busy, ServiceError

PROGRAM = "app.analysis.scaling_laws"
LONGEST_SECONDS = 80.0
"""Waiting for earlier fits included; less than callers wait."""

log = structlog.get_logger()


class Fits:
    """Answers questions of `app.analysis.scaling_laws.law`, in turn: a fit keeps a processor busy."""

    def __init__(self, longest_seconds: float = LONGEST_SECONDS) -> None:
        self._longest = longest_seconds
        self._turns = asyncio.Semaphore(1)

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """What the program says. Raises Busy."""
        try:
            async with asyncio.timeout(self._longest), self._turns, _program() as process:
                answer, said = await process.communicate(json.dumps(question).encode())
        except TimeoutError as error:
            raise Busy(
                f"The law did not come within {self._longest:g} s; others may have been asked before."
            ) from error
        if process.returncode:
            log.error("a scaling law was not fitted", status=process.returncode, said=said.decode()[-2000:])
            raise ServiceError("The law was not fitted; the log knows more.")
        return json.loads(answer)


@asynccontextmanager
async def _program() -> AsyncGenerator[asyncio.subprocess.Process]:
    """The program, as long as somebody waits for it. It is given the question alone: no key, no setting."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", PROGRAM),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
