"""Parametrizations: how multiplier, first deviation and learning rate of a weight follow from its shape.

    W_t = A · w_t,   w_0 ~ N(0, B²),   C is the learning rate of w over η.
    I fan-in, O fan-out (of an embedding: the vocabulary and the width), L depth of the residual stack.
    m = width / base width, so that μP is SP at the base width (but for the logits of attention).
    A token takes one row of its embedding, which sums over nothing: its first deviation is 1 at every width.

Sources: μP arXiv:2203.03466, table 8 for AdamW and SGD; u-μP arXiv:2407.17465, table 2, for AdamW.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from math import sqrt

import torch
from torch import Tensor

from unitscale.models.units import Parametrization


class Kind(Enum):
    """What a weight does. Only hidden weights grow with the width on both sides."""

    EMBEDDING = "embedding"
    INPUT = "input"
    HIDDEN = "hidden"
    READOUT = "readout"
    BIAS = "bias"
    LAST_BIAS = "last bias"
    """The readout's bias: it does not grow."""


@dataclass(frozen=True)
class Weight:
    """A weight of one lane: what its parametrization needs to know of it."""

    kind: Kind
    shape: tuple[int, ...]
    depth: int = 1
    """Of the residual stack it stands in; 1 outside."""
    spread: int | None = None
    """u-μP: the fan-out that keeps ∂x at unit scale, where ∂x need not be the true gradient of y."""

    @property
    def fan_in(self) -> int:
        return self.shape[1] if len(self.shape) == 2 else torch.Size(self.shape[1:]).numel()

    @property
    def fan_out(self) -> int:
        return self.shape[0]


Kinds = Mapping[str, Weight]

Number = Callable[[Weight, float], float]
"""Of a weight and m."""


@dataclass(frozen=True)
class Row:
    """One row of a parametrization's table."""

    multiplier: Number
    deviation: Number
    rate: Number
    """C under AdamW."""
    sgd: Number | None = None
    """C under SGD; none where the theory gives none."""


def one(_weight: Weight, _m: float) -> float:
    return 1.0


def zero(_weight: Weight, _m: float) -> float:
    return 0.0


def grown(_weight: Weight, m: float) -> float:
    return m


def shrunk(_weight: Weight, m: float) -> float:
    return 1 / m


def by_root(weight: Weight, _m: float) -> float:
    return 1 / sqrt(weight.fan_in)


def by_root_of_base(weight: Weight, m: float) -> float:
    return sqrt(m / weight.fan_in)


def by_root_and_depth(weight: Weight, _m: float) -> float:
    return 1 / sqrt(weight.fan_in * weight.depth)


def by_fan_in(weight: Weight, _m: float) -> float:
    return 1 / weight.fan_in


TABLES: dict[Parametrization, dict[Kind, Row]] = {
    Parametrization.SP: {  #     A          B                C (AdamW)          C (SGD)
        Kind.EMBEDDING: Row(     one,       one,             one,               one),
        Kind.INPUT: Row(         one,       by_root,         one,               one),
        Kind.HIDDEN: Row(        one,       by_root,         one,               one),
        Kind.READOUT: Row(       one,       by_root,         one,               one),
        Kind.BIAS: Row(          one,       zero,            one,               one),
        Kind.LAST_BIAS: Row(     one,       zero,            one,               one),
    },
    Parametrization.MUP: {
        Kind.EMBEDDING: Row(     one,       one,             one,               grown),
        Kind.INPUT: Row(         one,       by_root,         one,               grown),
        Kind.HIDDEN: Row(        one,       by_root,         shrunk,            one),
        Kind.READOUT: Row(       shrunk,    by_root_of_base, one,               grown),
        Kind.BIAS: Row(          one,       zero,            one,               grown),
        Kind.LAST_BIAS: Row(     one,       zero,            one,               one),
    },
    Parametrization.UMUP: {
        Kind.EMBEDDING: Row(     one,       one,             by_root),
        Kind.INPUT: Row(         by_root,   one,             by_root),
        Kind.HIDDEN: Row(        by_root,   one,             by_root_and_depth),
        Kind.READOUT: Row(       by_fan_in, one,             one),
        Kind.BIAS: Row(          one,       zero,            one),
        Kind.LAST_BIAS: Row(     one,       zero,            one),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A parametrization for models of one width."""

    parametrization: Parametrization
    m: float = 1.0

    @property
    def unit_scaled(self) -> bool:
        return self.parametrization is Parametrization.UMUP

    def multiplier(self, weight: Weight) -> float:
        return self._row(weight).multiplier(weight, self.m)

    def rate(self, weight: Weight, optimizer: str) -> float:
        """C: this weight's learning rate over η."""
        row = self._row(weight)
        number = row.sgd if optimizer == "sgd" else row.rate
        if number is None:
            raise ValueError(f"{self.parametrization.value} has no learning rates for {optimizer}.")
        return number(weight, self.m)

    def scales(self, weight: Weight, tokens: int) -> tuple[float, float, float]:
        """What y, ∂x and ∂w of a linear layer are multiplied by, in a batch of so many tokens."""
        multiplier = self.multiplier(weight)
        if not self.unit_scaled:
            return multiplier, multiplier, multiplier
        return multiplier, 1 / sqrt(weight.spread) if weight.spread else multiplier, 1 / sqrt(tokens)

    def lookup_scale(self, weight: Weight, tokens: int) -> float:
        """What ∂w of an embedding is multiplied by: a row of V is seen by one token in V."""
        return sqrt(weight.fan_out / tokens) if self.unit_scaled else 1.0

    def draw(self, weights: Kinds, generator: torch.Generator) -> dict[str, Tensor]:
        """First weights."""
        return {name: self._first(weight, generator) for name, weight in weights.items()}

    def _first(self, weight: Weight, generator: torch.Generator) -> Tensor:
        deviation = self._row(weight).deviation(weight, self.m)
        return torch.randn(weight.shape, generator=generator) * deviation if deviation else torch.zeros(weight.shape)

    def _row(self, weight: Weight) -> Row:
        return TABLES[self.parametrization][weight.kind]
