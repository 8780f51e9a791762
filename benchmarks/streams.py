"""Streams: from a supervisor's write of a point to its receipt by those who follow the job.

The clock starts before the point is sent to Redis, and stops when its bytes are read from the listener's socket.
"""

import asyncio
import time
from bisect import bisect_left

from benchmarks.chaos.stack import Stack
from benchmarks.figures import MILLISECONDS, Figure, Ledger, quantile
from benchmarks.listeners import Audience
from benchmarks.service import Pen, service
from benchmarks.traffic import request

PUBLISHED = 150
PAUSE_SECONDS = 0.04
LISTENERS = (1, 200)


def measure(ledger: Ledger) -> None:
    """One job for each number of listeners."""
    with service(nodes=0) as stack:
        for count in LISTENERS:
            delays = asyncio.run(_delays(stack, count))
            whom = f"{count} listener{'s' if count > 1 else ''}"
            for share, aim in ((0.5, 2), (0.99, 25)):
                what = f"SSE publish → receipt, {whom}, p{share * 100:.0f}"
                ledger.note(Figure(what, quantile(delays, share) * MILLISECONDS, "ms", at_most=aim))


async def _delays(stack: Stack, count: int) -> list[float]:
    """Seconds of every point to every listener."""
    pen = Pen(stack)
    job = await pen.begin()
    ask = request("GET", f"/v1/jobs/{job.id}/events").replace("Host:", "Accept: text/event-stream\r\nHost:")
    with Audience(stack.port, ask, count) as audience:
        sent: list[float] = []
        for step in range(1, PUBLISHED + 1):
            await asyncio.sleep(PAUSE_SECONDS)
            sent.append(time.monotonic())
            await pen.write(job, step, 1)
        await asyncio.sleep(1)
        delays = [delay for heard in audience.heard() for delay in _of_listener(sent, heard)]
    await pen.end(job)
    await pen.close()
    return delays


def _of_listener(sent: list[float], heard: list[tuple[int, float]]) -> list[float]:
    """A frame that reaches step s brings every step up to s."""
    steps = [step for step, _ in heard]
    return [heard[bisect_left(steps, step)][1] - moment for step, moment in enumerate(sent, 1)]
