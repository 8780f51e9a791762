"""The engine at one work, in turns: python -m benchmarks.training.ours WORK"""

import base64
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.training.turns import Turns
from benchmarks.training.works import LIBRARY, WORKS
from worker.pipe import Lane, Points
from worker.trainer.assembly.assemble import Assembly, assemble
from worker.trainer.engine.loop import Batch
from worker.trainer.main import warm_up
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs.monitor import Monitor
from worker.trainer.runs.reporter import POINT
from worker.trainer.runs.run import Run


class Ear:
    """A line whose other end is here: it keeps the losses."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self._heard = threading.Condition()

    def send(self, message: Any) -> None:
        """Keep the points of a message."""
        if isinstance(message, Points):
            points = np.frombuffer(base64.b64decode(message.curves["train_loss"].data), POINT)
            with self._heard:
                self.losses += points["value"].tolist()
                self._heard.notify()

    def all_of(self, steps: int) -> list[float]:
        """The losses of so many steps, once they have been sent."""
        with self._heard:
            self._heard.wait_for(lambda: len(self.losses) >= steps)
            return self.losses


class InTurns:
    """Batches that are handed out in turns."""

    def __init__(self, assembly: Assembly, turns: Turns) -> None:
        self._batches, self._turns = assembly.batches, turns
        self.examples = assembly.batches.examples

    def start(self, step: int) -> Iterator[Batch]:
        """The batches of `step` and all that follow."""
        return self._turns.of(self._batches.start(step))


def main(name: str) -> None:
    """Train as a trainer does, its messages read here."""
    work, ear = WORKS[name], Ear()
    turns = Turns(work.steps, ear.all_of)
    warm_up()
    spec = work.resolved
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Lane(job=name, attempt=1, spec=spec, folder=folder), 0)
        assembly = assemble([spec], "cpu", LIBRARY)
        paused: Any = assembly._replace(batches=InTurns(assembly, turns))  # type: ignore[arg-type]
        Monitor([run], paused, ear, Interrupt(), 0).train(0)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1])
