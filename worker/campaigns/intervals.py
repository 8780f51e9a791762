"""How sure drift and penalty are: seeds drawn anew, with replacement, at each value by itself."""

from collections.abc import Mapping, Sequence
from functools import cache
from math import isfinite, sqrt
from random import Random
from typing import NamedTuple

from unitscale.models.drifts import Curve, Line, drift, penalty
from unitscale.models.parabolas import Parabola, least
from unitscale.models.transfers import SeedInterval

DRAWS = 1000
SHARE = 0.95
Z = 1.959964
"""Standard deviations on either side that hold that share of a normal distribution."""


class Drawn(NamedTuple):
    """A curve of seeds drawn anew, and where it is least."""

    curve: Curve
    vertex: float


def intervals(of_name: Sequence[Line]) -> tuple[SeedInterval | None, SeedInterval | None]:
    """Of the drift and the penalty under one parametrization; None where there is a single seed, or no vertex.

    The draws are the same whenever they are made for the same lines.
    """
    curves = {line.value: line.curve() for line in of_name}
    vertices = {value: low.vertex for value, curve in curves.items() if isinstance(low := curve.lowest(), Parabola)}
    at, seeds = drift(vertices), len(of_name[0].seeds)
    if seeds < 2 or at is None:
        return None, None
    draws = _draws([line for line in of_name if line.value in vertices])
    drifts = [drift({value: drawn.vertex for value, drawn in draw.items()}) for draw in draws]
    return _interval(at, drifts, seeds), _of_penalty(curves, vertices, draws, seeds)


def _of_penalty(
    curves: Mapping[int, Curve], vertices: Mapping[int, float], draws: Sequence[Mapping[int, Drawn]], seeds: int
) -> SeedInterval | None:
    small, large = min(curves), max(curves)
    if not {small, large} <= vertices.keys():
        return None
    at = penalty(vertices[small], vertices[large], curves[large])

    @cache
    def paid(narrow: Drawn, wide: Drawn) -> float | None:
        return penalty(narrow.vertex, wide.vertex, wide.curve)

    drawn = [paid(draw[small], draw[large]) for draw in draws]
    return _interval(at, drawn, seeds) if at is not None else None


def _draws(used: Sequence[Line]) -> list[dict[int, Drawn]]:
    """For each value, a line of as many seeds; the same choice twice is fitted once."""
    chance, seeds = Random(0), len(used[0].seeds)  # noqa: S311 - statistics, no secret

    @cache
    def drawn(line: Line, chosen: tuple[int, ...]) -> Drawn:
        curve = line._replace(seeds=tuple(line.seeds[seed] for seed in chosen)).curve()
        return Drawn(curve, least(*curve))

    def draw(line: Line) -> Drawn:
        return drawn(line, tuple(sorted(chance.choices(range(seeds), k=seeds))))

    return [{line.value: draw(line) for line in used} for _ in range(DRAWS)]


def _interval(at: float, drawn: Sequence[float | None], seeds: int) -> SeedInterval | None:
    """Between the quantiles of the draws, made wider for how few seeds there are.

    Of n seeds, draws vary by (n − 1)/n of what fresh seeds would, and what they vary by is itself a guess: Student's t.
    """
    ranked = sorted(value for value in drawn if value is not None and isfinite(value))
    if not ranked or not isfinite(at):
        return None
    tail = (1 - SHARE) / 2
    low, high = ranked[int(tail * len(ranked))], ranked[-1 - int(tail * len(ranked))]
    wider = sqrt(seeds / (seeds - 1)) * _student(2 * (seeds - 1)) / Z
    return SeedInterval(low=at - wider * max(0.0, at - low), high=at + wider * max(0.0, high - at))


def _student(freedom: int) -> float:
    """What stands for Z where the deviation is estimated (expansion of Cornish and Fisher)."""
    first = (Z**3 + Z) / 4
    second = (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96
    third = (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384
    return Z + first / freedom + second / freedom**2 + third / freedom**3
