"""Training together against one after the other: python -m benchmarks.training.together WORK

One lane, and several, take turns in this process. Prints CPU seconds of a step of each, how many lanes a trial finds to
pay, and the seconds of that trial.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.figures import median
from benchmarks.training.works import LIBRARY, LONG, SMALL, TINY, Work
from unitscale.models.specs import Budget, JobSpec
from worker.trainer.assembly.assemble import Assembly, assemble
from worker.trainer.engine.loop import train
from worker.trainer.main import warm_up
from worker.trainer.tuning.fusion_probe import FusionProbe

TURNS, UNCOUNTED = 9, 2
STEPS = 2000
"""Of a run that a trial weighs."""


@dataclass(frozen=True)
class Sweep:
    """Learning rates of one spec, so many at once."""

    spec: dict[str, Any]
    lanes: int
    steps: int
    """In a turn of one lane."""

    def specs(self) -> list[JobSpec]:
        """As a worker would get them."""
        one = Work({**self.spec}, self.steps, extra={"budget": {"steps": STEPS}}).resolved
        units = ({"learning_rate": 0.001 * 1.01**lane} for lane in range(self.lanes))
        return [one.model_copy(update={"units": one.units.model_copy(update=own)}) for own in units]


LINE = {"task": "regression", "dataset": "linear", "units": {"batch_size": "full"}, "optimizer": {"name": "sgd"}}
DIGITS = {"task": "image-classification", "dataset": "digits"}
NARROW, WIDE = ({"kind": "mlp", "width": width, "depth": depth} for width, depth in ((32, 1), (512, 3)))
SWEEPS = {
    "linear × 16": Sweep(LINE, 16, 400),
    "linear × 256": Sweep(LINE, 256, 400),
    "mlp 1×32 × 16": Sweep({**DIGITS, "model": NARROW}, 16, 200),
    "gpt 2×64 × 16": Sweep(TINY, 16, 6),
    "mlp 3×512 × 8": Sweep({**DIGITS, "model": WIDE, "units": {"batch_size": 128}}, 8, 16),
    "gpt 4×128 × 4": Sweep(SMALL, 4, 2),
}


class Loop:
    """Some lanes that train on whenever it is their turn."""

    def __init__(self, assembly: Assembly, steps: int) -> None:
        self._learner, self._batches = assembly.learner, assembly.batches.start(1)
        self._steps, self._done = steps, 0
        self._seconds = list[float]()

    def turn(self) -> None:
        """Take some steps, and put down what one took."""
        first, began = self._done + 1, time.process_time()
        self._done += self._steps
        train(self._learner, self._batches, first, self._done, lambda _step, _losses: None)
        self._seconds.append((time.process_time() - began) / self._steps)

    @property
    def seconds(self) -> float:
        """Of a step. The first turns do things for the first time."""
        return median(self._seconds[UNCOUNTED:])


def measured(sweep: Sweep) -> dict[str, float]:
    """Seconds of a step of one lane, of all, and of as many as a trial chooses; the trial's lanes and seconds."""
    specs = sweep.specs()
    began = time.process_time()
    chosen = FusionProbe(specs, "cpu", LIBRARY, None).verdict().lanes
    took = time.process_time() - began
    long = [spec.model_copy(update={"budget": Budget(steps=LONG)}) for spec in specs]
    loops = {lanes: _loop(long[:lanes], sweep.steps) for lanes in {1, chosen, len(specs)}}
    for _ in range(UNCOUNTED + TURNS):
        for loop in loops.values():
            loop.turn()
    one, few, all_of_them = (loops[lanes].seconds for lanes in (1, chosen, len(specs)))
    return {"one": one, "all": all_of_them, "chosen": few, "lanes": chosen, "trial": took}


def _loop(specs: Sequence[JobSpec], steps: int) -> Loop:
    return Loop(assemble(specs, "cpu", LIBRARY), max(2, steps // min(len(specs), 8)))


if __name__ == "__main__":
    warm_up()
    torch.set_num_threads(1)
    print(json.dumps(measured(SWEEPS[sys.argv[1]])))
