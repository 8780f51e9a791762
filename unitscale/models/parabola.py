"""A parabola through losses at learning rates: where it is lowest."""

from collections.abc import Mapping, Sequence
from math import isfinite

Losses = Mapping[float, float]
"""log2 of a rate → its loss; infinite where it diverged."""
NEAR, FAR = 1.0, 2.0
"""Octaves from the best rate to those that the parabola goes through: near ones and neighbours in any case, far ones
where they still bend like one. Single runs are noisy, and far ones say more of the middle than near ones."""
STEEP = 6.0
"""Times the most that a near rate loses, what a far one may lose: of a parabola it is 4."""
SLACK = 1e-6


def lowest(losses: Losses) -> float:
    """The rate whose loss is least; the smaller one of two."""
    return min(losses, key=lambda rate: (losses[rate], rate))


def edge(losses: Losses) -> int:
    """On which side the best rate is the last that was tried: −1, 1, or 0 where it is none."""
    best = lowest(losses)
    return -1 if best == min(losses) else 1 if best == max(losses) else 0


def vertex(losses: Losses) -> float | None:
    """log2 of the rate where the parabola, by least squares, is lowest, no further from the best than half way to what
    it goes through. The best itself at an edge, and where the parabola bends the other way. None where all diverged.
    """
    best = lowest(losses)
    if not isfinite(losses[best]):
        return None
    near = _bending(losses, best)
    if edge(losses) or len(near) < 3:
        return best
    slope, curvature = _bent([rate - best for rate in near], [losses[rate] for rate in near])
    if curvature <= 0:
        return best
    return min(max(best - slope / (2 * curvature), (best + near[0]) / 2), (best + near[-1]) / 2)


def _bending(losses: Losses, best: float) -> list[float]:
    """The rates that the parabola goes through, in order."""
    finite = sorted(rate for rate, loss in losses.items() if isfinite(loss))
    place = finite.index(best)
    beside = {*finite[max(0, place - 1) : place + 2]}
    near = [rate for rate in finite if abs(rate - best) < NEAR + SLACK or rate in beside]
    most = losses[best] + STEEP * (max(losses[rate] for rate in near) - losses[best])
    return [rate for rate in finite if rate in near or (abs(rate - best) < FAR + SLACK and losses[rate] <= most)]


def _bent(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """b and c of the a + bx + cx² that is nearest: by polynomials that are orthogonal on these places."""
    count = len(xs)
    middle = sum(xs) / count
    first = [x - middle for x in xs]
    length = _dot(first, first)
    shift = sum(x * p * p for x, p in zip(xs, first, strict=True)) / length
    second = [(x - shift) * p - length / count for x, p in zip(xs, first, strict=True)]
    along, bend = _dot(first, ys) / length, _dot(second, ys) / _dot(second, second)
    return along - bend * (middle + shift), bend


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
