"""Starts: how soon a submitted job takes its first training step.

From the client's call of `submit`, over HTTP, to the moment at which the record heard from the trainer that its first
step was done: `started_at` + `timings.startup_seconds`, by Redis's clock, which is this machine's. (The record keeps
whole milliseconds and so drops half of one on average, which is added.) Warm: the connection stands, and the slot has
had 0.2 s to make its next spare.
"""

import time

from benchmarks.figures import MILLISECONDS, Figure, Ledger, median, quantile
from benchmarks.service import SEED_JOB, service
from unitscale.client import Client
from unitscale.models.jobs import Job

COUNT = 100
UNCOUNTED = 5
PAUSE_SECONDS = 0.2
DROPPED_SECONDS = 0.0005


def measure(ledger: Ledger) -> None:
    """Submit one job after the other."""
    with service(nodes=1) as stack, stack.client() as client:
        runs = [_run(client) for _ in range(UNCOUNTED + COUNT)][UNCOUNTED:]
    seconds = [first for first, _ in runs]
    ledger.note(Figure(f"submit → first step, p50 of {COUNT}", median(seconds) * MILLISECONDS, "ms", at_most=10))
    ledger.note(Figure("submit → first step, p99", quantile(seconds, 0.99) * MILLISECONDS, "ms", at_most=50))
    for what, values in (
        ("of it queued, p50", (job.timings.queued_seconds for _, job in runs)),
        ("of it from claim to first step, p50", (job.timings.startup_seconds for _, job in runs)),
    ):
        ledger.note(Figure(what, median(value or 0.0 for value in values) * MILLISECONDS, "ms"))


def _run(client: Client) -> tuple[float, Job]:
    """Seconds to the first step, and the job once it has ended."""
    before = time.time()
    job = client.wait(client.submit(SEED_JOB).id)
    assert job.started_at is not None
    assert job.timings.startup_seconds is not None
    time.sleep(PAUSE_SECONDS)
    return job.started_at.timestamp() + job.timings.startup_seconds + DROPPED_SECONDS - before, job
