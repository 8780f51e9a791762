"""What the engine does beside training: python -m benchmarks.training.costs

Prints the CPU seconds that a step costs more for being logged, and those that a checkpoint costs the loop's thread.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise
from typing import Any, TypeVar

import torch

from benchmarks.figures import median
from benchmarks.training.works import LIBRARY, WORKS, Work
from unitscale.models.specs import Checkpointing, JobSpec
from worker.pipe import Lane, Saved
from worker.trainer.assembly.assemble import Assembly, assemble
from worker.trainer.engine.loop import Batch, train
from worker.trainer.main import warm_up
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs.monitor import Monitor
from worker.trainer.runs.run import Run

LOGGED_STEPS, LOGGED_TURNS = 5000, 15
SAVED_SECONDS, SAVES = 1.0, 7
AFTER = 3
"""Steps that a checkpoint may slow down: its own, and those during which it is written."""
SIZES = {"width": 384, "depth": 7, "head_size": 64, "context": 8}
TEN_MILLION = Work({**WORKS["gpt-6x384"].spec, "model": SIZES, "units": {"batch_size": 1}}, 1)
"""Short steps, so that a stall stands out."""

Item = TypeVar("Item")


class Enough(Exception):
    """The way out of a loop that would go on."""


class Ear:
    """A line whose other end is here: it keeps the steps of checkpoints."""

    def __init__(self) -> None:
        self.saved: list[int] = []

    def send(self, message: Any) -> None:
        """Keep the step."""
        if isinstance(message, Saved):
            self.saved.append(message.step)


class Given:
    """Batches that somebody counts."""

    def __init__(self, assembly: Assembly, seen: Callable[[Iterator[Batch]], Iterable[Batch]]) -> None:
        self._batches, self._seen = assembly.batches, seen
        self.examples = assembly.batches.examples

    def start(self, step: int) -> Iterator[Batch]:
        """The batches of `step` and all that follow."""
        return iter(self._seen(self._batches.start(step)))


def watched(spec: JobSpec, assembly: Assembly, ear: Ear, seen: Callable[[Iterator[Batch]], Iterable[Batch]]) -> None:
    """Train under a watch, as a worker does, until `seen` has enough."""
    given: Any = assembly._replace(batches=Given(assembly, seen))  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        run = Run(Lane(job="bench", attempt=1, spec=spec, folder=folder), 0)
        try:
            Monitor([run], given, ear, Interrupt(), 0).train(0)  # type: ignore[arg-type]
        except Enough:
            return


def first(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Some batches, and no more."""
    yield from islice(batches, LOGGED_STEPS)
    raise Enough


def logging_seconds() -> float:
    """What a step of linear regression costs more under a watch that reports every loss."""
    spec = WORKS["linear"].resolved
    assembly = assemble([spec], "cpu", LIBRARY)

    def unseen() -> None:
        try:
            train(assembly.learner, first(assembly.batches.start(1)), 1, 10**9, lambda _step, _losses: None)
        except Enough:
            return

    def seen() -> None:
        watched(spec, assembly, Ear(), first)

    more = [_seconds(seen) - _seconds(unseen) for _ in range(LOGGED_TURNS)]
    return median(more) / LOGGED_STEPS


def _seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def checkpoint_seconds() -> tuple[float, float]:
    """What a checkpoint costs the thread that trains, and the parameters that it holds."""
    often = Checkpointing(every_seconds=SAVED_SECONDS)
    spec = TEN_MILLION.resolved.model_copy(update={"checkpoint": often})
    assembly, ear, clock = assemble([spec], "cpu", LIBRARY), Ear(), list[float]()

    def timed(batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            clock.append(time.thread_time())
            if len(ear.saved) == SAVES:
                raise Enough
            yield batch

    watched(spec, assembly, ear, timed)
    steps = [end - begin for begin, end in pairwise(clock)]
    usual = median(steps)
    stalls = [sum(steps[step - 1 : step - 1 + AFTER]) - AFTER * usual for step in ear.saved[1:-1]]
    return median(stalls), assembly.learner.weights.parameters


if __name__ == "__main__":
    warm_up()
    torch.set_num_threads(1)
    stall, parameters = checkpoint_seconds()
    print(json.dumps({"logging": logging_seconds(), "stall": stall, "parameters": parameters}))
