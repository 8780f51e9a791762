"""The trial: a few steps of one lane, of two, of four, …, to find out how many it pays to train together.

K lanes, S steps, P numbers of one lane. It works on assemblies of its own, which are thrown away: nothing of it is in
any curve.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise, takewhile
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from unitscale.errors import OutOfMemory
from unitscale.models.alike import Finding
from unitscale.models.specs import JobSpec
from worker.trainer.assembly.assemble import assemble
from worker.trainer.engine.loop import train
from worker.trainer.process.failures import reason_for
from worker.trainer.tuning.headroom import Headroom

FEWEST, MOST, SECONDS = 3, 30, 5e-3
"""Steps that are timed, after a first one that is not: as many as fill the seconds."""
SHORT_SECONDS = 0.06
"""Of training alone, below which a job costs less than the process that it would have to itself."""
PATIENCE = 2
"""Groups in a row that were no better than a smaller one, after which no larger one is tried."""
WORTH = 0.97
"""Of the seconds of each of fewer lanes, those that each of more may take: a smaller gain may be none."""
SHORT = "so short a run costs less than a process of its own"
UNLIKE = "together its numbers would not be those of its run alone"


class Enough(Exception):
    """The way out of a loop that was timed."""


class Verdict(NamedTuple):
    """How many train together, why, and what is worth being remembered of it."""

    lanes: int
    why: str
    finding: Finding | None = None


class Run(NamedTuple):
    """A few steps of some lanes."""

    seconds: float
    """Of a step."""
    losses: Tensor
    """(S, K)"""
    weights: Tensor
    """(K, P) after the last step."""
    length: int
    """Steps of the whole run."""

    def lane_is(self, lane: int, alone: "Run") -> bool:
        """Whether a lane did, bit for bit, what one did alone."""
        pairs = (self.losses[:, lane], alone.losses[:, 0]), (self.weights[lane], alone.weights[0])
        return all(torch.allclose(mine, its, rtol=0, atol=0, equal_nan=True) for mine, its in pairs)


class FusionProbe:
    """Tries the first lanes of a group, more and more of them."""

    def __init__(self, specs: Sequence[JobSpec], device: str, library: Path, dataset: str | None) -> None:
        self._specs, self._device, self._library, self._dataset = specs, device, library, dataset
        self._room = Headroom(device)
        self._runs: dict[int, Run] = {}
        self._note = ""

    def verdict(self) -> Verdict:
        """How many of the lanes to train. Raises what assembling them raises."""
        alone = self._runs[1] = self._run(self._specs[:1])
        if alone.seconds * alone.length < SHORT_SECONDS and self._room.holds(len(self._specs)):
            return Verdict(len(self._specs), SHORT)
        for lanes in _sizes(len(self._specs)):
            if not self._try(lanes):
                break
            if not self._runs[lanes].lane_is(0, alone):
                return self._found(1, UNLIKE)
        return self._judged()

    def _try(self, lanes: int) -> bool:
        """Whether so many lanes were tried: there was room, and fewer did not get worse and worse."""
        largest = max(self._runs)
        if sum(size > self._best for size in self._runs) >= PATIENCE:
            return False
        if self._room.holds(lanes / largest):
            try:
                self._runs[lanes] = self._run(self._specs[:lanes], len(self._runs[1].losses))
                return True
            except Exception as error:
                if reason_for(error).code != OutOfMemory.code:
                    raise
        self._note = "; more did not fit into memory"
        return False

    @property
    def _best(self) -> int:
        """The group whose lanes take the fewest seconds each; a larger one has to be better by more than the noise."""
        best = 1
        for lanes in sorted(self._runs):
            if self._each(lanes) < WORTH * self._each(best):
                best = lanes
        return best

    def _each(self, lanes: int) -> float:
        return self._runs[lanes].seconds / lanes

    def _judged(self) -> Verdict:
        best = self._best
        if best > 1:
            steps, last = len(self._runs[1].losses), self._specs[best - 1 : best]
            if not self._runs[best].lane_is(best - 1, self._run(last, steps)):
                return self._found(1, UNLIKE)
            return self._found(best, f"{self._cost(best)}{self._note}")
        others = [lanes for lanes in self._runs if lanes > 1]
        if not others:
            return self._found(1, "two did not fit into memory")
        return self._found(1, f"together they gain nothing: {self._cost(min(others, key=self._each))}")

    def _cost(self, lanes: int) -> str:
        ratio = self._runs[lanes].seconds / self._runs[1].seconds
        return f"{lanes} lanes cost {ratio:.3g} times one, measured on this machine"

    def _found(self, lanes: int, why: str) -> Verdict:
        cost = self._runs[lanes].seconds / self._runs[1].seconds
        return Verdict(lanes, why, Finding(most=lanes, tried=len(self._specs), why=why, cost=cost))

    def _run(self, specs: Sequence[JobSpec], steps: int | None = None) -> Run:
        """So many steps, or as many as it takes to time them."""
        assembly = assemble(specs, self._device, self._library, self._dataset)
        learner, last = assembly.learner, min(assembly.steps, steps or MOST + 1)
        losses, marks = list[Tensor](), [self._now()]

        def observe(step: int, loss: Tensor) -> None:
            losses.append(loss)
            marks.append(self._now())
            if steps is None and step > FEWEST and marks[-1] - marks[1] > SECONDS:
                raise Enough

        with suppress(Enough):
            train(learner, assembly.batches.start(1), 1, last, observe)
        return Run(_seconds(marks), torch.stack(losses), learner.weights.values, assembly.steps)

    def _now(self) -> float:
        """Seconds of work: of the processor, or of a GPU that is waited for."""
        if self._device == "cpu":
            return time.process_time()
        torch.cuda.synchronize(self._device)
        return time.perf_counter()


def _sizes(lanes: int) -> list[int]:
    """2, 4, 8, …, and all of them."""
    return [*takewhile(lambda size: size < lanes, (2**power for power in range(1, lanes))), lanes]


def _seconds(marks: Sequence[float]) -> float:
    """Of the quickest step; the first one does things for the first time, and counts where it is the only one."""
    steps = [end - begin for begin, end in pairwise(marks)]
    return min(steps[1:] or steps)
