"""Batch sizes over the steps of a run, where they grow."""

import math
from bisect import bisect_left
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
        self._first, self._last, self._steps = first, last, steps
        self._rise = last - first

    def size(self, step: int) -> int:
        """Examples of one batch; steps count from 1."""
        return round(self._first + self._rise * (step - 1) / self._steps) if step <= self._steps else self._last

    def examples(self, step: int) -> int:
        """Examples seen up to and with `step`."""
        risen = min(step, self._steps)
        rounded_up = risen * self._first + floor_sum(risen, 2 * self._steps, 2 * self._rise, self._steps)
        return rounded_up - self._odd_halves(risen) + (step - risen) * self._last

    def steps(self, examples: int) -> int:
        """Steps until so many examples have been seen."""
        risen = self.examples(self._steps)
        if examples <= risen:
            return bisect_left(range(self._steps), examples, key=self.examples)
        return self._steps + math.ceil((examples - risen) / self._last)

    def _odd_halves(self, count: int) -> int:
        """How many of the first batches lie halfway between an even and an odd number above it: `round` takes the even.

        rise·k/steps ends in ½ where rise'·k ≡ steps'/2 (mod steps'), in lowest terms: at every steps'-th k, if steps'
        is even. From one to the next it grows by rise', which is odd then: odd and even take turns.
        """
        shared = math.gcd(self._rise, self._steps)
        rise, steps = self._rise // shared, self._steps // shared
        if steps % 2:
            return 0
        at = steps // 2 * pow(rise, -1, steps) % steps
        halves = max(0, -((at - count) // steps))
        odd_first = (self._first + (2 * rise * at + steps) // (2 * steps)) % 2
        return (halves + odd_first) // 2


def floor_sum(count: int, divisor: int, factor: int, offset: int) -> int:
    """Σ ⌊(factor·k + offset) / divisor⌋ over k < count, by Euclid's algorithm."""
    total = 0
    while count:
        total += count * (count - 1) // 2 * (factor // divisor) + count * (offset // divisor)
        factor, offset = factor % divisor, offset % divisor
        top = factor * count + offset
        count, offset, divisor, factor = top // divisor, top % divisor, factor, divisor
    return total


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
