"""Corruption: tasks whose batches are spoilt on the way, each step anew.  K lanes, B batch."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count

import torch

from worker.trainer.data.examples import Examples
from worker.trainer.engine.batches import Batches, mix
from worker.trainer.engine.loop import Batch
from worker.trainer.engine.streams import StreamBatches

Corrupt = Callable[[Examples, torch.Generator], Examples]
"""Examples of one lane → what its model is to see, and what it is to find."""


class CorruptedBatches:
    """Batches spoilt by a function of seed and step alone, so that any step can be returned to."""

    def __init__(self, batches: Batches | StreamBatches, seeds: Sequence[int], corrupt: Corrupt) -> None:
        self._batches, self._seeds, self._corrupt = batches, seeds, corrupt
        self.examples = batches.examples

    def start(self, step: int) -> Iterator[Batch]:
        """The batches of `step` and all that follow."""
        for number, batch in zip(count(step), self._batches.start(step), strict=False):
            yield self._spoilt(number, *batch)

    def _spoilt(self, step: int, *batch: torch.Tensor) -> Batch:
        lanes = []
        for seed, *lane in zip(self._seeds, *batch, strict=True):
            lanes.append(self._corrupt(Examples(*lane), torch.Generator().manual_seed(mix(seed, step))))
        inputs, targets = (torch.stack(tensors) for tensors in zip(*lanes, strict=True))
        return inputs, targets
