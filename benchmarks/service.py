"""A private service for one subject, and how its record is written without training."""

import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.chaos.stack import Stack
from unitscale.models.jobs import Deployment, Result
from unitscale.wire.attempts import Advance, Attempts, Claimed, Stretch
from unitscale.wire.store import Store, connect

SEED_JOB = {
    "task": "regression",
    "dataset": "linear",
    "model": {"kind": "linear"},
    "units": {"learning_rate": 0.01, "batch_size": "full"},
    "optimizer": {"name": "sgd"},
    "budget": {"epochs": 100},
}
"""y = 2x + 1 + noise, 100 points, 100 full-batch steps."""
QUEUE = "cpu-1"
TIMEOUT_SECONDS = 5.0
LEASE_SECONDS = 600.0


@contextmanager
def service(nodes: int) -> Iterator[Stack]:
    """A service of its own, gone without a trace at the end; with no node, nothing trains."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Stack(Path(folder), nodes) as stack:
        yield stack


class Pen:
    """Writes to the record of a service without nodes what a supervisor would write."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._redis = connect(f"unix://{stack.folder}/valkey/valkey.sock", TIMEOUT_SECONDS)
        self._attempts = Attempts(Store(self._redis), LEASE_SECONDS, max_losses=5)

    async def begin(self) -> Claimed:
        """A job handed in over HTTP and claimed here."""
        with self._stack.client() as client:
            job_id = client.submit(SEED_JOB).id
        [job] = await self._attempts.claim(QUEUE, job_id, "bench", "cpu:0")
        return job

    async def write(self, job: Claimed, first: int, count: int) -> None:
        """Points of steps `first` and following, and how far the job has come with them."""
        last = first + count - 1
        points = b"".join(struct.pack("<If", step, 1 / step) for step in range(first, last + 1))
        await self._attempts.advance(
            job, Advance(last, last, last / 1000, 0.001, last * 100), [Stretch("train_loss", first - 1, points)]
        )

    async def end(self, job: Claimed) -> None:
        """The job has succeeded."""
        result = Result(
            stopped_by="budget",
            train_loss=0.01,
            val_loss=0.01,
            metrics={"r2": 0.99, "mae": 0.08},
            test_metrics={"r2": 0.99, "mae": 0.08},
            parameters=2,
            deployment=(Deployment(format="fp32", bytes=144),),
        )
        await self._attempts.succeed(job, result, ())

    async def close(self) -> None:
        """Let go of the connection."""
        await self._redis.aclose()
