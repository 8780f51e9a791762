"""Batch sizes over the steps of a run, where they grow."""

import math
from itertools import accumulate, count, takewhile
from typing import Protocol

from unitscale.models.specs import JobSpec

FEWEST_HALVED = 2
"""Examples of a batch that has halves."""


class Sizes(Protocol):
    """How large batches are, and what that comes to."""

    def size(self, step: int) -> int: ...
    def examples(self, step: int) -> int: ...
    def steps(self, examples: int) -> int: ...


class Growth:
    """Batch sizes from `first` to `last`, rising linearly over `steps` steps, then staying.

    An epoch knows nothing of them: a batch takes up where the one before it ended.
    """

    def __init__(self, first: int, last: int, steps: int) -> None:
        self._last = last
        self._rising = [round(first + (last - first) * (step - 1) / steps) for step in range(1, steps + 1)]
        self._seen = [0, *accumulate(self._rising)]

    def size(self, step: int) -> int:
        """Examples of one batch; steps count from 1."""
        return self._rising[step - 1] if step <= len(self._rising) else self._last

    def examples(self, step: int) -> int:
        """Examples seen up to and with `step`."""
        risen = min(step, len(self._rising))
        return self._seen[risen] + (step - risen) * self._last

    def steps(self, examples: int) -> int:
        """Steps until so many examples have been seen."""
        if examples <= self._seen[-1]:
            return sum(1 for _ in takewhile(lambda step: self.examples(step) < examples, count()))
        return len(self._rising) + math.ceil((examples - self._seen[-1]) / self._last)


def growth(spec: JobSpec) -> Growth | None:
    """How the batches of a resolved spec grow; None where they do not, or not by a plan."""
    schedule = spec.batch_schedule
    if schedule.name != "ramp":
        return None
    return Growth(int(schedule.initial_batch_size or 1), int(spec.units.batch_size or 1), int(schedule.ramp_steps or 1))


def growth_checks(spec: JobSpec, last: float) -> list[tuple[bool, str, str]]:
    """What a batch that grows to `last` examples cannot do: whether it is asked, where, and why not."""
    first, name = spec.batch_schedule.initial_batch_size, spec.batch_schedule.name
    pointer, follows = "/batch_schedule/initial_batch_size", name == "noise-scale"
    halved = f"Noise is measured from halves of a batch: give at least {FEWEST_HALVED}."
    return [
        (name != "constant" and (first or 1) > last, pointer, "A batch grows: its first is no larger than its last."),
        (follows and first is not None and first < FEWEST_HALVED, pointer, halved),
        (follows and last < FEWEST_HALVED, "/units/batch_size", halved),
    ]
