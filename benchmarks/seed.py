"""The seed job through the service, against the bare loop that one writes by hand, in turns.

Against a fresh process: from `submit` to the end of the job over HTTP, and from the start of the process to its end.
Against a warm one, which has torch imported and has trained before: the seconds of training alone.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.figures import MILLISECONDS, Figure, Ledger, median, quantile
from benchmarks.service import SEED_JOB, service
from unitscale.client import Client

UNCOUNTED = 3
FRESH_TURNS = 5
WARM_TURNS = 30
PAUSE_SECONDS = 0.2
BARE = [sys.executable, "-m", "benchmarks.bare"]


def measure(ledger: Ledger) -> None:
    """A job, the bare loop, a job, …"""
    with service(nodes=1) as stack, stack.client() as client, _warm_loop() as warm_loop:
        for _ in range(UNCOUNTED):
            _job(client)
        fresh = [(_job(client)[0], _fresh_loop()) for _ in range(FRESH_TURNS)]
        warm = [(_job(client)[1], _rested(warm_loop)) for _ in range(WARM_TURNS)]
    against_fresh, against_warm = (median(ours / bare for ours, bare in turns) for turns in (fresh, warm))
    undisturbed = [quantile(column, 0.25) for column in zip(*warm, strict=True)]
    ledger.note(Figure("seed job / bare loop in a fresh process", against_fresh, at_most=0.1))
    ledger.note(Figure("seed job / bare loop in a warm process, training", against_warm, at_most=1.0))
    ledger.note(Figure("the same, of the fastest quarter of each", undisturbed[0] / undisturbed[1]))
    for what, turns in (("submit → end", fresh), ("training", warm)):
        for whose, place in (("seed job", 0), ("bare loop", 1)):
            value = median(turn[place] for turn in turns) * MILLISECONDS
            ledger.note(Figure(f"{whose}, {what if place == 0 or turns is warm else 'process'}", value, "ms"))


def _job(client: Client) -> tuple[float, float]:
    """Seconds from submission to the end, and of training."""
    time.sleep(PAUSE_SECONDS)
    began = time.perf_counter()
    job = client.wait(client.submit(SEED_JOB).id)
    assert job.timings.training_seconds is not None, job.reason
    return time.perf_counter() - began, job.timings.training_seconds


def _fresh_loop() -> float:
    began = time.perf_counter()
    subprocess.run(BARE, check=True)
    return time.perf_counter() - began


def _rested(loop: Callable[[], float]) -> float:
    """The loop's seconds after the pause that a job has before it."""
    time.sleep(PAUSE_SECONDS)
    return loop()


@contextmanager
def _warm_loop() -> Iterator[Callable[[], float]]:
    """Trains once a call, in one process; seconds of training."""
    with subprocess.Popen([*BARE, "--warm"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout

        def train() -> float:
            print(file=process.stdin, flush=True)
            return float(process.stdout.readline())  # type: ignore[union-attr]  # asserted above

        for _ in range(UNCOUNTED):
            train()
        yield train
        process.stdin.close()
