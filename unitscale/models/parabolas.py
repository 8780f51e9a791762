"""Where a loss is least: a parabola through the best learning rate (log2) and what lies near it."""

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from math import inf, isfinite
from typing import NamedTuple

REACH = 1.0
"""Octaves from the best rate within which losses count for its parabola, besides its two neighbours'."""
ROUNDING = 1e-6


class Nowhere(StrEnum):
    """Why there is no parabola."""

    LOW_EDGE = "the best rate is the lowest of the grid"
    HIGH_EDGE = "the best rate is the highest of the grid"
    CLIFF = "the best rate is next to one that diverges"
    FLAT = "the losses near the best rate are all the same"
    EMPTY = "no rate has a loss"


class Parabola(NamedTuple):
    """curvature · (x − vertex)² + loss, which holds from `low` to `high`."""

    vertex: float
    loss: float
    curvature: float
    low: float
    high: float

    def at(self, x: float) -> float:
        """Its value."""
        return self.curvature * (x - self.vertex) ** 2 + self.loss


def parabola(rates: Sequence[float], losses: Sequence[float]) -> Parabola | Nowhere:
    """By least squares, over rates that ascend; a loss of +inf is a run that diverged."""
    best = min(range(len(rates)), key=losses.__getitem__, default=None)
    if best is None or losses[best] == inf:
        return Nowhere.EMPTY
    if best in (0, len(rates) - 1):
        return Nowhere.LOW_EDGE if best == 0 else Nowhere.HIGH_EDGE
    if not isfinite(losses[best - 1]) or not isfinite(losses[best + 1]):
        return Nowhere.CLIFF
    around = [i for i in range(len(rates)) if abs(i - best) == 1 or abs(rates[i] - rates[best]) < REACH + ROUNDING]
    near = [i for i in around if isfinite(losses[i])]
    for chosen in (near, [best - 1, best, best + 1]):  # noise may bend the wide one the wrong way
        found = fitted([rates[i] for i in chosen], [losses[i] for i in chosen], rates[best])
        if found:
            return found
    return Nowhere.FLAT


def least(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The vertex; where there is none, the best rate itself."""
    found = parabola(rates, losses)
    return found.vertex if isinstance(found, Parabola) else min(zip(losses, rates, strict=True))[1]


def loss_at(rates: Sequence[float], losses: Sequence[float], x: float) -> float | None:
    """On the parabola where it reaches, else on the straight line between rates; None beyond the grid."""
    found = parabola(rates, losses)
    if isinstance(found, Parabola) and found.low <= x <= found.high:
        return found.at(x)
    for (left, below), (right, above) in pairwise(zip(rates, losses, strict=True)):
        if left <= x <= right:
            share = (x - left) / (right - left)
            return above if share == 1 else below if share == 0 else below * (1 - share) + above * share
    return None


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Of the straight line by least squares."""
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    rise = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True))
    return rise / sum((x - x_mean) ** 2 for x in xs)


def fitted(xs: Sequence[float], ys: Sequence[float], center: float) -> Parabola | None:
    """a·u² + b·u + c with u = x − center, from the normal equations; None unless its vertex lies among the points."""
    us = [x - center for x in xs]
    zero, one, two, three, four = (sum(u**power for u in us) for power in range(5))
    flat, tilted, bent = (sum(y * u**power for u, y in zip(us, ys, strict=True)) for power in range(3))
    whole = _determinant((four, three, two), (three, two, one), (two, one, zero))
    a = _determinant((bent, three, two), (tilted, two, one), (flat, one, zero)) / whole
    b = _determinant((four, bent, two), (three, tilted, one), (two, flat, zero)) / whole
    c = _determinant((four, three, bent), (three, two, tilted), (two, one, flat)) / whole
    if a <= 0 or not min(us) <= -b / (2 * a) <= max(us):
        return None
    vertex = -b / (2 * a)
    return Parabola(center + vertex, c - a * vertex**2, a, min(xs), max(xs))


Row = tuple[float, float, float]


def _determinant(first: Row, second: Row, third: Row) -> float:
    (a, b, c), (d, e, f), (g, h, i) = first, second, third
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
