"""Which trials of a study are better: by one objective, or by what stands between two."""

import math
from collections.abc import Mapping, Sequence

from unitscale.models.measures import Objective
from unitscale.models.studies import Trial

Costs = tuple[float, ...]


def costs(objectives: Sequence[Objective], values: Mapping[str, float | None]) -> Costs:
    """Its objectives, turned so that less is better; infinite where one is missing."""
    found = [(each, values.get(each.measure)) for each in objectives]
    return tuple(math.inf if value is None else each.cost(value) for each, value in found)


def ranked(objectives: Sequence[Objective], trials: Sequence[Trial]) -> list[Trial]:
    """Those that count, the best first; of two objectives the front first, the most balanced of it first of all."""
    counting = [trial for trial in trials if trial.feasible]
    places = order([costs(objectives, trial.values) for trial in counting])
    return [counting[place] for place in places]


def order(points: Sequence[Costs]) -> list[int]:
    """Places from best to worst. Of two objectives: front after front, in each what is nearest to the best of both."""
    left, found = list(range(len(points))), list[int]()
    if points and len(points[0]) == 1:
        return sorted(left, key=lambda place: points[place])
    while left:
        layer = [left[index] for index in front_of([points[place] for place in left])]
        spans = [(min(axis), max(axis)) for axis in zip(*(points[place] for place in layer), strict=True)]
        found += sorted(layer, key=lambda place: _distance(points[place], spans))
        left = sorted(set(left) - set(layer))
    return found


def front_of(points: Sequence[Costs]) -> list[int]:
    """Those that no other beats in both, or in the one there is."""
    kept = list[int]()
    for place in sorted(range(len(points)), key=lambda place: points[place]):
        if not kept or points[place][-1] < points[kept[-1]][-1] or points[place] == points[kept[-1]]:
            kept.append(place)
    return kept


def _distance(point: Costs, spans: Sequence[tuple[float, float]]) -> float:
    """From the best of each objective, each in shares of what it spans."""
    pairs = zip(point, spans, strict=True)
    return math.hypot(*((cost - low) / (high - low) if high > low else 0.0 for cost, (low, high) in pairs))
