"""Accumulation: the gradient of a batch from parts of it.  K lanes, B batch."""

from collections.abc import Callable

import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor]
"""Inputs (K, B, …) and targets (K, B, …)."""

Gradients = tuple[Tensor, ...]


class Accumulation:
    """Losses (K,) of a whole batch and their gradients, `size` examples at a time: the mean over parts is weighted by
    what they hold, so the last may be smaller. `terms` says, by its targets, of how many terms a part's loss is the
    mean, where that is not the number of examples."""

    def __init__(
        self, losses: Callable[[Batch, float], Tensor], size: int, terms: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        self._losses, self._size, self._terms = losses, size, terms

    def __call__(self, batch: Batch, leaves: list[Tensor], ones: Tensor) -> tuple[Tensor, Gradients]:
        whole, total, sums = batch[0].shape[1], torch.zeros_like(ones), None
        for part in zip(*(tensor.split(self._size, 1) for tensor in batch), strict=True):
            share = part[0].shape[1] / whole
            losses = self._losses(part, 1 / share) * self._weight(part[1], batch[1], share)
            gradients = torch.autograd.grad(losses, leaves, ones)
            total += losses.detach()
            sums = gradients if sums is None else tuple(map(torch.add, sums, gradients))
        return total, sums or ()

    def _weight(self, part: Tensor, whole: Tensor, share: float) -> Tensor | float:
        return share if self._terms is None else self._terms(part) / self._terms(whole)
