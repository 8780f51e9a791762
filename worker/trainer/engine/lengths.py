"""Lengths: squared 2-norms of a gradient, in coordinates that do not depend on the parametrization.  K lanes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from unitscale.models.specs import JobSpec
from worker.trainer.engine.accumulation import Gradients
from worker.trainer.engine.optimizer import Optimizer
from worker.trainer.engine.weights import Weights


class Squares(NamedTuple):
    """Of each lane (K,): as it is, and as AdamW sees it."""

    plain: Tensor
    preconditioned: Tensor


@dataclass(frozen=True)
class Coordinates:
    """What stands between a weight w as it is stored, and W = A·w, as a plain layer would hold it."""

    multiplier: float = 1.0
    """A."""
    rate: float = 1.0
    """C: its learning rate over the lane's."""
    distortion: Tensor | None = None
    """c (K,): backward passes find c√B · ∂L/∂w, for a batch of B. None: they find ∂L/∂w."""


class Lengths:
    """Squared norms of gradients with respect to W.

    AdamW's are of the coordinates in which its step is along the gradient: each number's share is C / (√v + ε), v being
    what it knew before the gradient. A number that has had no gradient yet has no share.
    """

    def __init__(
        self, weights: Weights, specs: Sequence[JobSpec], optimizer: Optimizer, coordinates: Mapping[str, Coordinates]
    ) -> None:
        self._leaves = [(weights.parts[name].start, coordinates[name]) for name in weights.named]
        self._like = weights.values
        self._second = optimizer.state.get("second_moment")
        self._decays = [(spec.optimizer.betas or (0.0, 0.0))[1] for spec in specs]
        self._eps = self._column([spec.optimizer.eps or 0.0 for spec in specs])

    def squares(self, step: int, batch: int, slopes: Gradients) -> Squares:
        """Of a gradient at a step that is not taken yet, whose scales are those of a batch of so many examples."""
        shares = self._shares(step)
        plain, preconditioned = self._like.new_zeros((2, len(self._like)), dtype=torch.float64)
        for gradient, (start, where) in zip(slopes, self._leaves, strict=True):
            rows = gradient.reshape(len(self._like), -1).float()
            bent = 1.0 if where.distortion is None else where.distortion * sqrt(batch)
            plain += _squared(rows) / (bent * where.multiplier) ** 2
            preconditioned += _squared(rows * shares(start, rows.shape[1])) * (where.rate / bent)
        return Squares(plain, preconditioned)

    def _shares(self, step: int) -> Callable[[int, int], Tensor | float]:
        """The root of 1 / (√v + ε), of so many numbers from a start; not a number before AdamW's first step."""
        second = self._second
        if second is None or step == 1:
            return lambda _start, _count: nan
        warm = self._column([1 - decay ** (step - 1) for decay in self._decays])

        def of(start: int, count: int) -> Tensor:
            known = second[:, start : start + count].float()
            return (known / warm).sqrt_().add_(self._eps).rsqrt_().masked_fill_(known == 0, 0)

        return of

    def _column(self, numbers: list[float]) -> Tensor:
        return torch.tensor(numbers, device=self._like.device, dtype=torch.float32).unsqueeze(1)


def _squared(rows: Tensor) -> Tensor:
    return torch.linalg.vector_norm(rows, dim=1).double().square()
