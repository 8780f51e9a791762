"""Batches: which examples a step sees.  K lanes, N examples, B of them in a batch."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, count, islice, repeat

import torch
from torch import Tensor

from unitscale.models.growth import Sizes
from worker.trainer.engine.loop import Batch

PIECE_BYTES = 2**28
"""Of examples gathered at a time: a text of many gigabytes is not copied into memory by an epoch of it."""


def mix(seed: int, epoch: int) -> int:
    """A seed for one epoch of one seed, unlike that of any neighbour."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{epoch}".encode(), digest_size=4).digest())


class Batches:
    """Batches whose order follows from seed and epoch alone, so that any step can be returned to.

    inputs (K, N, …)   targets (K, N, …)   →   (K, B, …) each

    The last batch of an epoch is the smaller rest. A full batch is the split itself, unshuffled. Lanes of one seed
    share their batches.
    """

    def __init__(
        self, inputs: Tensor, targets: Tensor, seeds: Sequence[int], size: int, piece_bytes: int = PIECE_BYTES
    ) -> None:
        self._piece_bytes = piece_bytes
        self._inputs, self._targets = inputs, targets
        self._seeds = seeds if len(set(seeds)) > 1 else seeds[:1]
        self._size = size
        self._count = inputs.shape[1]
        self._a_epoch = math.ceil(self._count / size)

    def start(self, step: int) -> Iterator[Batch]:
        """The batches of `step` and all that follow."""
        if self._a_epoch == 1:
            return repeat((self._inputs, self._targets))
        epoch, skipped = divmod(step - 1, self._a_epoch)
        return islice(chain.from_iterable(map(self._epoch, count(epoch))), skipped, None)

    def examples(self, step: int) -> int:
        """Examples seen by one lane up to and with `step`."""
        epochs, rest = divmod(step, self._a_epoch)
        return epochs * self._count + rest * self._size

    def _epoch(self, epoch: int) -> Iterator[Batch]:
        """One gather for as many batches as a piece holds, mostly an epoch; a batch is a view of it."""
        a_batch = self._size * max(1, self._inputs[0, 0].nbytes + self._targets[0, 0].nbytes) * len(self._seeds)
        for order in self._orders(epoch).split(self._size * max(1, self._piece_bytes // a_batch), 1):
            gathered = self._gathered(order.to(self._inputs.device))
            yield from zip(*(tensor.split(self._size, 1) for tensor in gathered), strict=True)

    def _shuffled(self, epoch: int) -> Batch:
        return self._gathered(self._orders(epoch).to(self._inputs.device))

    def _gathered(self, order: Tensor) -> Batch:
        lanes = self._inputs.shape[0]
        inputs, targets = (
            tensor[0][order].expand(lanes, *order.shape[1:], *tensor.shape[2:])
            for tensor in (self._inputs, self._targets)
        )
        return inputs, targets

    def _orders(self, epoch: int) -> Tensor:
        return torch.stack([self._order(seed, epoch) for seed in self._seeds])

    def _order(self, seed: int, epoch: int) -> Tensor:
        return torch.randperm(self._count, generator=torch.Generator().manual_seed(mix(seed, epoch)))


class GrowingBatches(Batches):
    """Batches that grow. Each takes up where the one before it ended, if need be across the end of an epoch."""

    def __init__(self, inputs: Tensor, targets: Tensor, seeds: Sequence[int], sizes: Sizes) -> None:
        super().__init__(inputs, targets, seeds, size=1)
        self._sizes = sizes

    def start(self, step: int) -> Iterator[Batch]:
        epoch, place = divmod(self._sizes.examples(step - 1), self._count)
        shuffled = self._shuffled(epoch)
        for size in map(self._sizes.size, count(step)):
            parts, missing = [], size
            while missing:
                parts.append(tuple(tensor[:, place : place + missing] for tensor in shuffled))
                taken = parts[-1][0].shape[1]
                missing, place = missing - taken, place + taken
                if place == self._count:
                    epoch, place = epoch + 1, 0
                    shuffled = self._shuffled(epoch)
            inputs, targets = parts[0] if len(parts) == 1 else map(partial(torch.cat, dim=1), zip(*parts, strict=True))
            yield inputs, targets

    def examples(self, step: int) -> int:
        return self._sizes.examples(step)
