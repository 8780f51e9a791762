"""Accumulation: the gradient of a batch from parts of it.  K lanes, B batch."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor]
"""Inputs (K, B, …) and targets (K, B, …)."""

Gradients = tuple[Tensor, ...]

Hear = Callable[[float, Gradients], None]
"""Is told of each part: its share of the batch, and what it adds to the gradients."""


class Accumulation:
    """Losses (K,) of a whole batch and their gradients, `size` examples at a time: the mean over parts is weighted by
    what they hold, so the last may be smaller."""

    def __init__(self, losses: Callable[[Batch, float], Tensor], size: int) -> None:
        self._losses, self._size = losses, size

    def parts(self, batch: Batch) -> int:
        """How many parts a batch comes in."""
        return math.ceil(batch[0].shape[1] / self._size)

    def __call__(
        self, batch: Batch, leaves: list[Tensor], ones: Tensor, hear: Hear | None = None
    ) -> tuple[Tensor, Gradients]:
        whole, total, sums = batch[0].shape[1], torch.zeros_like(ones), None
        for part in zip(*(tensor.split(self._size, 1) for tensor in batch), strict=True):
            share = part[0].shape[1] / whole
            losses = self._losses(part, 1 / share) * share
            gradients = torch.autograd.grad(losses, leaves, ones)
            total += losses.detach()
            if hear is not None:
                hear(share, gradients)
            sums = gradients if sums is None else tuple(map(torch.add, sums, gradients))
        return total, sums or ()
