"""Curves of several jobs on one grid.  N points of a job, G places of the grid.

A curve is smoothed as it is, then read off at each place of the grid, on a straight line between the points around it;
lowest and highest of what was measured since the place before are kept beside it, so that no spike is lost.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.analysis.axes import Track, along
from app.analysis.smoothing import Floats, smoothed
from unitscale.models.comparisons import Align
from unitscale.models.jobs import Job


def even(align: Align, jobs: Sequence[Job], firsts: Sequence[int], places: int) -> Floats:
    """(G,) Places at equal distances, from the earliest first step of these jobs (0: it has none) to the last one."""
    spans = [_span(align, job, first) for job, first in zip(jobs, firsts, strict=True) if first]
    ends = np.concatenate([span for span in spans if span is not None] or [np.empty(0)])
    if not len(ends):
        return ends
    grid = np.linspace(ends.min(), ends.max(), places, dtype=np.float64)
    return np.unique(np.round(grid)) if align == "step" else grid


def every_place(align: Align, tracks: Sequence[Track], most: int) -> Floats | None:
    """(G,) Each place at which any of these has a point; None where there are too many."""
    courses = [along(align, track, track.course()[0]) for track in tracks]
    places = np.unique(np.concatenate([course for course in courses if course is not None] or [np.empty(0)]))
    return places if len(places) <= most else None


def laid(align: Align, track: Track, weight: float | None, grid: Floats) -> dict[str, Any]:
    """The fields of `Laid`."""
    steps, values = track.course()
    x = along(align, track, steps)
    if x is None or not len(x) or not len(grid):
        nothing: list[float] = [np.nan] * len(grid)
        return {"value": nothing, "min": nothing, "max": nothing}
    low, high = _extremes(x, values, grid)
    return {"value": _between(x, smoothed(values, weight), grid).tolist(), "min": low.tolist(), "max": high.tolist()}


def _span(align: Align, job: Job, first: int) -> Floats | None:
    return along(align, Track(job), np.array([min(first, job.progress.step), job.progress.step]))


def _between(x: Floats, y: Floats, grid: Floats) -> Floats:
    """(G,) On straight lines from point to point; NaN before the first, after the last, and beside what is none."""
    left = np.clip(np.searchsorted(x, grid, side="right") - 1, 0, len(x) - 1)
    right = np.minimum(left + 1, len(x) - 1)
    width = x[right] - x[left]
    share = (grid - x[left]) / np.where(width > 0, width, 1.0)
    met = share <= 0
    value = np.where(met, y[left], y[left] + share * (y[right] - y[left]))
    return np.where((grid >= x[0]) & (grid <= x[-1]), value, np.nan)


def _extremes(x: Floats, y: Floats, grid: Floats) -> tuple[Floats, Floats]:
    """Two of (G,): of the points between a place and the one before; the ends of the grid take what lies beyond."""
    bounds = np.concatenate(([0], np.searchsorted(x, grid[:-1], side="right")))
    empty = np.diff(bounds, append=len(x)) == 0
    finite = np.append(np.where(np.isfinite(y), y, np.nan), np.nan)  # so that a stretch may start behind the end
    low, high = np.fmin.reduceat(finite, bounds), np.fmax.reduceat(finite, bounds)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)
