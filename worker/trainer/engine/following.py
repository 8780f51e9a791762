"""Following: batch sizes that grow with the noise scale, as far as it has been measured."""

import math
from bisect import bisect_right
from operator import itemgetter

Change = tuple[int, int, int]
"""A step, the batch size from it on, and the examples seen before it."""


class Following:
    """Batches of `first` examples, growing to `last` at the most.

    What is to come is as large as the present batch: nothing of it is known yet. The sizes of a run follow from its
    measurements, which a checkpoint keeps, so a resumed run grows as the undisturbed one.
    """

    def __init__(self, first: int, last: int) -> None:
        self._last = last
        self.changes: list[Change] = [(1, first, 0)]

    def size(self, step: int) -> int:
        """Examples of one batch; steps count from 1."""
        return self._at(step)[1]

    def examples(self, step: int) -> int:
        """Examples seen up to and with `step`."""
        since, size, before = self._at(step)
        return before + (step - since + 1) * size

    def steps(self, examples: int) -> int:
        """Steps until so many examples have been seen, if batches grow no more."""
        since, size, before = self.changes[bisect_right(self.changes, examples, key=itemgetter(2)) - 1]
        return since - 1 + math.ceil((examples - before) / size)

    def hear(self, step: int, noise_scale: float) -> bool:
        """Take in what the noise scale is at least, after a step; whether batches grow.

        They never shrink, and no more than double at once: an early estimate may be far off.
        """
        present = self.size(step + 1)
        size = min(self._last, 2 * present, int(noise_scale))
        if size <= present:
            return False
        self.changes.append((step + 1, size, self.examples(step)))
        return True

    def _at(self, step: int) -> Change:
        return self.changes[bisect_right(self.changes, step, key=itemgetter(0)) - 1]
