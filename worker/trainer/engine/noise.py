"""Noise: how far the gradient of a batch is from that of all the data.  K lanes, B examples in n parts of b.

On average |G_b|² = |G|² + tr Σ / b and |G_B|² = |G|² + tr Σ / B, so with ⟨ ⟩ the mean over the parts of a batch

    tr Σ = B (⟨|G_b|²⟩ − |G_B|²) / (n − 1)        |G|² = (n |G_B|² − ⟨|G_b|²⟩) / (n − 1)

Weighted by what the parts hold, ⟨1/b⟩ is n / B whatever their sizes. The noise scale tr Σ / |G|² (arXiv:1812.06162) is
the batch, in examples, whose noise is as large as what it follows.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from worker.trainer.engine.accumulation import Accumulation, Batch, Gradients, Share, Terms, weight
from worker.trainer.engine.gradients import gradients
from worker.trainer.engine.lengths import Lengths
from worker.trainer.engine.ranks import Ranks
from worker.trainer.engine.tracks import Measurement, Track
from worker.trainer.engine.weights import Weights

MEASUREMENTS = 200
"""Of a long run."""
SPACING = 10
"""Steps between measurements, at least, where a run is long enough for ten: each costs about half a step."""


class Parts(NamedTuple):
    """What is known of the parts of a batch, until their sum is."""

    step: int
    size: int
    """Examples of the batch."""
    count: int
    squares: Tensor
    """(2, K) The mean over the parts of the squared norms of their own gradients."""
    ones: Tensor
    """(K,) What losses were multiplied by: gradients are as much larger."""


def spacing(steps: int) -> int:
    """Steps between two measurements of a run."""
    return max(steps // MEASUREMENTS, min(SPACING, max(1, steps // SPACING)))


Find = Callable[[Batch, Tensor], tuple[Tensor, Gradients]]


class Noise:
    """Measures the noise of every lane at some steps, from the gradient of the step's batch and that of its first half.

    Where a batch comes in parts, theirs are used, and only norms are paid for. Training stays what it is, to the bit.
    """

    def __init__(
        self,
        weights: Weights,
        losses: Callable[[Batch, float], Tensor],
        accumulation: Accumulation | None,
        lengths: Lengths,
        steps: int,
        terms: Terms | None = None,
        halves: bool = True,
        ranks: Ranks | None = None,
    ) -> None:
        """`halves`: whether half a batch may be passed through the model once more."""
        self._weights, self._halves_too, self._ranks = weights, halves, ranks
        self._places = [weights.parts[name] for name in weights.named]
        self._open: Parts | None = None
        self._leaves, self._on_cuda = weights.leaves, weights.values.is_cuda
        self._losses, self._accumulation, self._lengths = losses, accumulation, lengths
        self._terms = terms
        self.every = spacing(steps)
        self.tracks = [Track() for _ in weights.values]

    def is_due(self, step: int) -> bool:
        return step % self.every == 0

    def gradients(self, step: int, batch: Batch, ones: Tensor, find: Find) -> tuple[Tensor, Gradients]:
        """What `find` finds, losses (K,) and gradients of the leaves, after measuring its noise."""
        if self._accumulation is not None and self._accumulation.parts(batch) > 1:
            return self._of_parts(step, batch, ones, self._accumulation)
        losses, slopes = find(batch, ones)
        if self._halves_too and self._ranks is None and batch[0].shape[1] > 1:
            with self._taking_time():
                self._keep(self._halves(step, batch, ones, slopes), slopes)
        return losses, slopes

    def conclude(self, ranks: Ranks) -> None:
        """Once the gradients of all ranks have been added up: take in what was measured of their parts."""
        if self._open is not None:
            with self._taking_time():
                ranks.add(self._open.squares)
                self._keep(self._open, tuple(self._weights.gradients[:, part] for part in self._places))
        self._open = None

    def points(self, step: int) -> dict[int, dict[str, float]]:
        """Lane → curve → value of a step; none where nothing was measured."""
        return {place: track.points() for place, track in enumerate(self.tracks)} if self.is_due(step) else {}

    def _of_parts(self, step: int, batch: Batch, ones: Tensor, accumulation: Accumulation) -> tuple[Tensor, Gradients]:
        size, count = batch[0].shape[1], accumulation.parts(batch)
        parts = Parts(step, size, count, ones.new_zeros((2, len(ones)), dtype=torch.float64), ones.clone())

        def hear(share: Share, slopes: Gradients) -> None:
            with self._taking_time():
                parts.squares.add_(self._squares(parts, slopes) / share)

        losses, slopes = accumulation(batch, self._leaves, ones, hear)
        if self._ranks is not None:
            self._open = parts
        else:
            with self._taking_time():
                self._keep(parts, slopes)
        return losses, slopes

    def _halves(self, step: int, batch: Batch, ones: Tensor, slopes: Gradients) -> Parts:
        """The gradient of the second half is what that of the first leaves of the whole."""
        whole, count = batch[0].shape[1], batch[0].shape[1] // 2
        half = batch[0][:, :count], batch[1][:, :count]
        share = weight(self._terms, half[1], batch[1])
        first = gradients(self._losses(half, whole / count), self._leaves, ones)
        second = tuple((both - one * share) / (1 - share) for both, one in zip(slopes, first, strict=True))
        halves = Parts(step, whole, 2, ones.new_zeros((2, len(ones)), dtype=torch.float64), ones)
        for part, of in ((share, first), (1 - share, second)):
            halves.squares.add_(part * self._squares(halves, of))
        return halves

    def _keep(self, parts: Parts, slopes: Gradients) -> None:
        more, of_whole = parts.count - 1, self._squares(parts, slopes)
        noise = (parts.squares - of_whole) * parts.size / more
        signal = ((more + 1) * of_whole - parts.squares) / more
        lanes = torch.stack((noise, signal)).permute(2, 1, 0).tolist()
        for track, (plain, preconditioned) in zip(self.tracks, lanes, strict=True):
            track.measurements.append(Measurement(*plain, *preconditioned))

    def _squares(self, parts: Parts, slopes: Gradients) -> Tensor:
        """(2, K) Squared norms of a gradient."""
        return torch.stack(self._lengths.squares(parts.step, parts.size, slopes)) / parts.ones.double().square()

    @contextmanager
    def _taking_time(self) -> Iterator[None]:
        """What happens inside is what measuring costs."""
        began = self._now()
        yield
        for track in self.tracks:
            track.seconds += self._now() - began

    def _now(self) -> float:
        if self._on_cuda:
            torch.cuda.synchronize()
        return time.perf_counter()
