"""Batches: which examples a step sees.  K lanes, N examples, B of them in a batch."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, count, repeat

import torch
from torch import Tensor

from unitscale.models.growth import Sizes
from worker.trainer.engine.loop import Batch
from worker.trainer.engine.orders import places

EPOCH_BYTES = 2**28
"""Of an epoch's examples, gathered at once. A larger epoch is gathered in pieces: a text of many gigabytes is not
copied into memory, and its first step does not wait."""
PIECE_BYTES = 2**24
MOST_STORED = 2**22
"""Examples whose order is stored; that of more is computed."""

Take = Callable[[int, int], Batch]
"""The examples at the places from one to another of an epoch's order, (K, S, …) each."""


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
        self,
        inputs: Tensor,
        targets: Tensor,
        seeds: Sequence[int],
        size: int,
        epoch_bytes: int = EPOCH_BYTES,
        most_stored: int = MOST_STORED,
    ) -> None:
        self._epoch_bytes, self._most_stored = epoch_bytes, most_stored
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
        later = chain.from_iterable(map(self._epoch, count(epoch + 1)))
        return chain(self._epoch(epoch, skipped * self._size), later)

    def examples(self, step: int) -> int:
        """Examples seen by one lane up to and with `step`."""
        epochs, rest = divmod(step, self._a_epoch)
        return epochs * self._count + rest * self._size

    def _epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from a place in its order on: views of pieces, of one piece mostly."""
        take, piece = self._taken(epoch), self._count
        if self._large:
            piece = self._size * max(1, min(PIECE_BYTES, self._epoch_bytes) // (self._size * self._example_bytes))
        for start in range(first, self._count, piece):
            gathered = take(start, min(start + piece, self._count))
            yield from zip(*(tensor.split(self._size, 1) for tensor in gathered), strict=True)

    @property
    def _example_bytes(self) -> int:
        return max(1, self._inputs[0, 0].nbytes + self._targets[0, 0].nbytes) * len(self._seeds)

    @property
    def _large(self) -> bool:
        return self._count * self._example_bytes > self._epoch_bytes

    def _taken(self, epoch: int) -> Take:
        """An epoch's examples in its order: gathered once where there is room, else as they are taken."""
        order = self._order(epoch)
        if self._large:
            return lambda first, last: self._gathered(order(first, last))
        whole = self._gathered(order(0, self._count))
        return lambda first, last: (whole[0][:, first:last], whole[1][:, first:last])

    def _gathered(self, order: Tensor) -> Batch:
        lanes, order = self._inputs.shape[0], order.to(self._inputs.device)
        inputs, targets = (
            tensor[0][order].expand(lanes, *order.shape[1:], *tensor.shape[2:])
            for tensor in (self._inputs, self._targets)
        )
        return inputs, targets

    def _order(self, epoch: int) -> Callable[[int, int], Tensor]:
        """(K, S) Which examples stand from one place to another."""
        seeds = [mix(seed, epoch) for seed in self._seeds]
        if self._count > self._most_stored:
            return lambda first, last: torch.stack([places(self._count, seed, first, last) for seed in seeds])
        orders = [torch.randperm(self._count, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        return lambda first, last: torch.stack([order[first:last] for order in orders])


class GrowingBatches(Batches):
    """Batches that grow. Each takes up where the one before it ended, if need be across the end of an epoch."""

    def __init__(
        self, inputs: Tensor, targets: Tensor, seeds: Sequence[int], sizes: Sizes, epoch_bytes: int = EPOCH_BYTES
    ) -> None:
        super().__init__(inputs, targets, seeds, 1, epoch_bytes)
        self._sizes = sizes

    def start(self, step: int) -> Iterator[Batch]:
        epoch, place = divmod(self._sizes.examples(step - 1), self._count)
        take = self._taken(epoch)
        for size in map(self._sizes.size, count(step)):
            parts, missing = [], size
            while missing:
                parts.append(take(place, min(place + missing, self._count)))
                taken = parts[-1][0].shape[1]
                missing, place = missing - taken, place + taken
                if place == self._count:
                    epoch, place = epoch + 1, 0
                    take = self._taken(epoch)
            inputs, targets = parts[0] if len(parts) == 1 else map(partial(torch.cat, dim=1), zip(*parts, strict=True))
            yield inputs, targets

    def examples(self, step: int) -> int:
        return self._sizes.examples(step)
