"""The best rate of few runs, one each: the vertex of a parabola that far rates steady.

A transfer has several seeds and goes by `parabolas` alone; a rate that is to be used at once takes the best there is.
"""

from collections.abc import Mapping
from math import isfinite

from unitscale.models.parabolas import fitted

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
    """log2 of the rate where the parabola, by least squares, is lowest. The best itself at an edge, and where the
    parabola bends the other way. None where all diverged."""
    best = lowest(losses)
    if not isfinite(losses[best]):
        return None
    near = _bending(losses, best)
    if edge(losses) or len(near) < 3:
        return best
    found = fitted(near, [losses[rate] for rate in near], best)
    return found.vertex if found else best


def _bending(losses: Losses, best: float) -> list[float]:
    """The rates that the parabola goes through, in order."""
    finite = sorted(rate for rate, loss in losses.items() if isfinite(loss))
    place = finite.index(best)
    beside = {*finite[max(0, place - 1) : place + 2]}
    near = [rate for rate in finite if abs(rate - best) < NEAR + SLACK or rate in beside]
    most = losses[best] + STEEP * (max(losses[rate] for rate in near) - losses[best])
    return [rate for rate in finite if rate in near or (abs(rate - best) < FAR + SLACK and losses[rate] <= most)]
