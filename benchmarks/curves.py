"""Curves: reading 100,000 points, whole and sampled, and what they take in Redis."""

import asyncio

from benchmarks.chaos.stack import Stack
from benchmarks.figures import MILLISECONDS, Figure, Ledger, cpu_seconds, median
from benchmarks.load import Order, send
from benchmarks.service import Pen, service
from benchmarks.traffic import request
from unitscale.wire.keys import name

POINTS = 100_000
A_WRITE = 1_000
ROUNDS = 4
SECONDS = 1.0
READS = (("whole", "", 15), ("as 1,000 points", "?max_points=1000", 5))


def measure(ledger: Ledger) -> None:
    """Write a long curve as a supervisor does, then read it."""
    with service(nodes=0) as stack:
        job_id = asyncio.run(_long_job(stack))
        turns = [{what: _read(stack, job_id, query) for what, query, _ in READS} for _ in range(ROUNDS)]
        curve = name("curve", job_id, "train_loss")
        stored, held = stack.redis.strlen(curve), stack.redis.memory_usage(curve, samples=0)
    for what, _, aim in READS:
        wall, cpu = (median(turn[what][part] for turn in turns) * MILLISECONDS for part in (0, 1))
        ledger.note(Figure(f"curve of {POINTS:,} points, {what}, p50", wall, "ms", at_most=aim))
        ledger.note(Figure(f"of it CPU of the API, {what}", cpu, "ms"))
    ledger.note(Figure("bytes a point in Redis", stored / POINTS, at_most=8))
    ledger.note(Figure("bytes a point in Redis, over-allocation included", held / POINTS))


async def _long_job(stack: Stack) -> str:
    pen = Pen(stack)
    job = await pen.begin()
    for first in range(1, POINTS, A_WRITE):
        await pen.write(job, first, A_WRITE)
    await pen.end(job)
    await pen.close()
    return job.id


def _read(stack: Stack, job_id: str, query: str) -> tuple[float, float]:
    """Seconds to the answer's last byte, and CPU seconds of the API for each, from one connection."""
    api = stack.parts["api"].pid
    before = cpu_seconds(api)
    outcome = send(Order(stack.port, request("GET", f"/v1/jobs/{job_id}/curves{query}"), 1, SECONDS))
    assert not outcome.failed
    return outcome.p50_seconds, (cpu_seconds(api) - before) / outcome.requests
