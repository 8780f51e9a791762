"""Fewer points that tell the same story: the true extremes stay.

The points between the first and the last are cut into stretches of equal number; of each, the lowest and the highest
point are kept as they are, so that no spike is lost (averages would flatten it).
"""

from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite

from app.analysis.points import Points


@dataclass
class Sampled:
    """True points of a curve, and bounds of the values that each stands for."""

    step: list[int] = field(default_factory=list[int])
    value: list[float] = field(default_factory=list[float])
    min: list[float] = field(default_factory=list[float])
    max: list[float] = field(default_factory=list[float])

    def keep(self, step: int, value: float, low: float, high: float) -> None:
        """Take one more point."""
        self.step.append(step)
        self.value.append(value)
        self.min.append(low)
        self.max.append(high)


def downsampled(points: Points, most: int) -> Sampled:
    """At most `most` of these points, in order: first and last, and from `most = 4` on the extremes of all."""
    last = len(points) - 1
    values = points.values()
    stretches = (most - 2) // 2
    bounds = [1 + (last - 1) * number // stretches for number in range(stretches + 1)] if stretches else []
    kept = Sampled()
    kept.keep(points.step[0], values[0], values[0], values[0])
    for first, end in pairwise(bounds):
        for place, low, high in _extremes(values[first:end]):
            kept.keep(points.step[first + place], values[first + place], low, high)
    kept.keep(points.step[last], values[last], values[last], values[last])
    return kept


def _extremes(values: list[float]) -> list[tuple[int, float, float]]:
    """Where the lowest and the highest value stand, in order, with both. Numbers win over what is none."""
    numbers = values if isfinite(sum(values)) else [value for value in values if isfinite(value)]
    if not numbers:
        return [(0, values[0], values[0])]
    low, high = min(numbers), max(numbers)
    return [(place, low, high) for place in sorted({values.index(low), values.index(high)})]
