"""Which job reached a loss first, and how much faster than the first of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.analysis.axes import Track, along
from app.analysis.smoothing import smoothed
from unitscale.models.comparisons import Align

COSTS: dict[str, Align] = {"step": "step", "seconds": "time", "examples": "examples", "tokens": "tokens"}


def arrival(loss: float, track: Track, weight: float | None) -> dict[str, float | None]:
    """What it took until the curve, smoothed, first was at or below the loss; None when it never was."""
    steps, values = track.course()
    goal = float(np.float32(loss))  # as the record rounds what was measured
    there = np.flatnonzero(smoothed(values, weight) <= goal)[:1]
    at = {cost: along(align, track, steps[there]) for cost, align in COSTS.items()}
    return {cost: found.item() if found is not None and len(found) else None for cost, found in at.items()}


def race(arrivals: Sequence[dict[str, float | None]]) -> dict[str, Any]:
    """What each of the jobs needed, and what the first needed over that."""
    needed = {cost: [arrival[cost] for arrival in arrivals] for cost in COSTS}
    speed_up = {cost: [_over(values[0], value) for value in values] for cost, values in needed.items()}
    needed["step"] = [None if step is None else int(step) for step in needed["step"]]
    return {**needed, "speed_up": speed_up}


def _over(first: float | None, other: float | None) -> float | None:
    return first / other if first is not None and other else None
