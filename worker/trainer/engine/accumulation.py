"""Accumulation: the gradient of a batch from parts of it.  K lanes, B batch."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from worker.trainer.engine.ranks import Ranks

Batch = tuple[Tensor, Tensor]
"""Inputs (K, B, …) and targets (K, B, …)."""

Gradients = tuple[Tensor, ...]

Share = Tensor | float
"""What a part is of its batch."""

Terms = Callable[[Tensor], Tensor]
"""By its targets, of how many terms a part's loss is the mean, where that is not the number of examples."""

Hear = Callable[[Share, Gradients], None]
"""Is told of each part: its share of the batch, and what it adds to the gradients."""


def weight(terms: Terms | None, part: Tensor, whole: Tensor) -> Share:
    """The share of a part in the mean over a batch, by the targets of both."""
    return part.shape[1] / whole.shape[1] if terms is None else terms(part) / terms(whole)


class Accumulation:
    """Losses (K,) of a whole batch and their gradients, `size` examples at a time: the mean over parts is weighted by
    what they hold, so the last may be smaller. Of several ranks, what this one adds to them."""

    def __init__(
        self,
        losses: Callable[[Batch, float], Tensor],
        size: int | None,
        ranks: Ranks | None = None,
        terms: Terms | None = None,
    ) -> None:
        self._losses, self._size, self._ranks, self._terms = losses, size, ranks, terms

    def parts(self, batch: Batch) -> int:
        """How many parts a batch comes in, those of all ranks together."""
        whole = batch[0].shape[1]
        shares = self._ranks.parts(whole) if self._ranks else [slice(0, whole)]
        return sum(math.ceil((share.stop - share.start) / (self._size or whole)) for share in shares)

    def __call__(
        self, batch: Batch, leaves: list[Tensor], ones: Tensor, hear: Hear | None = None
    ) -> tuple[Tensor, Gradients]:
        whole, total, sums = batch[0].shape[1], torch.zeros_like(ones), None
        for part in self._parts(batch, whole):
            losses, held = self._weighed(part, batch)
            gradients = torch.autograd.grad(losses, leaves, ones)
            total += losses.detach()
            if hear is not None:
                hear(held, gradients)
            sums = gradients if sums is None else tuple(map(torch.add, sums, gradients))
        return total, sums or tuple(map(torch.zeros_like, leaves))

    def first(self, batch: Batch) -> Tensor:
        """What the first part alone adds to the losses."""
        return self._weighed(next(self._parts(batch, batch[0].shape[1])), batch)[0]

    def _weighed(self, part: Batch, batch: Batch) -> tuple[Tensor, Share]:
        """What a part adds to the losses, and its share of them."""
        held = weight(self._terms, part[1], batch[1])
        return self._losses(part, batch[0].shape[1] / part[0].shape[1]) * held, held

    def _parts(self, batch: Batch, whole: int) -> Iterator[Batch]:
        mine = self._ranks.part(whole) if self._ranks else slice(whole)
        for first in range(mine.start or 0, mine.stop, self._size or whole):
            last = min(first + (self._size or whole), mine.stop)
            yield batch[0][:, first:last], batch[1][:, first:last]
