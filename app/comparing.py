"""A comparison, put together: the record of the jobs, then the curves that were asked for, some jobs at a time."""

from asyncio import to_thread
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from app.analysis.comparison import compared
from app.analysis.sorting import sorted_by
from app.selection import Selection, selected
from app.services import Services
from unitscale.errors import Malformed
from unitscale.models.comparisons import Align
from unitscale.models.jobs import Job
from unitscale.wire.curves import POINT_BYTES, PackedCurves

T = TypeVar("T")

LOSSES = ("train_loss", "val_loss")
MOST_BYTES = 2**29
"""Of one curve in all jobs: 67 million points, which take some seconds."""
BYTES_AT_A_TIME = 2**23
MOST_PLACES = 2_000_000
"""Of all curves of all jobs in one answer, which is then 100 MB long."""


@dataclass(frozen=True)
class Drawing:
    """Which curves are laid side by side, and how."""

    keys: tuple[str, ...] = ()
    align: Align = "step"
    max_points: int = 200
    weight: float | None = None


@dataclass(frozen=True)
class Asked:
    """What a comparison is to tell, of the jobs in which order, and of how many of them."""

    drawing: Drawing
    loss: float | None = None
    of: str = "val_loss"
    sort: str | None = None
    limit: int | None = None


async def comparison(services: Services, project: str, wanted: Selection, asked: Asked) -> dict[str, Any]:
    """The fields of `Comparison`. Raises NotFound, Malformed."""
    jobs = await selected(services.jobs, project, wanted)
    latest = await _latest(services.curves, jobs)
    told, places = await to_thread(lambda: sorted_by(compared(jobs, latest), asked.sort, asked.limit))
    shown = [jobs[place] for place in places]
    _check_places(asked.drawing, len(shown))
    async with services.drawing:
        told["curves"] = {key: await _drawn(services.curves, shown, key, asked.drawing) for key in asked.drawing.keys}
        told["to_loss"] = None if asked.loss is None else await _raced(services.curves, shown, asked.loss, asked)
    return told


async def _latest(curves: PackedCurves, jobs: Sequence[Job]) -> dict[str, dict[str, float]]:
    """Of jobs without a result: the last value of each loss."""
    from app.analysis.axes import settled  # noqa: PLC0415  brings numpy

    unfinished = [job for job in jobs if job.result is None and job.progress.step]
    latest: dict[str, dict[str, float]] = {job.id: {} for job in unfinished}
    for key in LOSSES if unfinished else ():
        for job, end in zip(unfinished, await curves.ends([job.id for job in unfinished], key), strict=True):
            _, values = settled(end, job.progress.step)
            if len(values):
                latest[job.id][key] = values[-1].item()
    return latest


def _check_places(drawing: Drawing, jobs: int) -> None:
    most = MOST_PLACES // max(1, jobs * len(drawing.keys))
    if drawing.max_points > most:
        detail = f"With so many jobs and curves, at most {most}."
        raise Malformed(f"That would be more than {MOST_PLACES} places of curves.", (("?max_points", detail),))


async def _drawn(curves: PackedCurves, jobs: Sequence[Job], key: str, drawing: Drawing) -> dict[str, Any]:
    """The fields of `Aligned`."""
    from app.analysis import alignment  # noqa: PLC0415  brings numpy

    extents = await _extents(curves, jobs, key)
    grid = alignment.even(drawing.align, jobs, [first for _, first in extents], drawing.max_points)
    if max(size for size, _ in extents) <= drawing.max_points * POINT_BYTES:
        tracks = await _tracks(curves, jobs, key)
        every = await to_thread(lambda: alignment.every_place(drawing.align, tracks, drawing.max_points))
        grid = grid if every is None else every
    lay = partial(alignment.laid, drawing.align, weight=drawing.weight, grid=grid)
    laid = await _each(curves, jobs, key, extents, lay)
    return {"align": drawing.align, "x": grid.tolist(), "smoothing": _smoothing(drawing), "jobs": laid}


async def _raced(curves: PackedCurves, jobs: Sequence[Job], loss: float, asked: Asked) -> dict[str, Any]:
    """The fields of `Reached`."""
    from app.analysis import race  # noqa: PLC0415  brings numpy

    extents = await _extents(curves, jobs, asked.of)
    arrive = partial(race.arrival, loss, weight=asked.drawing.weight)
    arrivals = await _each(curves, jobs, asked.of, extents, arrive)
    head = {"loss": loss, "of": asked.of, "smoothing": _smoothing(asked.drawing), "relative_to": jobs[0].id}
    return head | race.race(arrivals)


async def _each(
    curves: PackedCurves,
    jobs: Sequence[Job],
    key: str,
    extents: Sequence[tuple[int, int]],
    verb: Callable[[Any], T],
) -> list[T]:
    """What the verb makes of each job's track; a few megabytes of them are held at a time."""
    done: list[T] = []
    for part in _parts(jobs, extents):
        tracks = await _tracks(curves, part, key)
        done += await to_thread(list[T], map(verb, tracks))
    return done


def _parts(jobs: Sequence[Job], extents: Sequence[tuple[int, int]]) -> list[list[Job]]:
    parts: list[list[Job]] = [[]]
    held = 0
    for job, (size, _) in zip(jobs, extents, strict=True):
        if held + size > BYTES_AT_A_TIME and parts[-1]:
            parts.append([])
            held = 0
        parts[-1].append(job)
        held += size
    return parts


async def _extents(curves: PackedCurves, jobs: Sequence[Job], key: str) -> list[tuple[int, int]]:
    extents = await curves.extents([job.id for job in jobs], key)
    if sum(size for size, _ in extents) > MOST_BYTES:
        detail = f"{key} has more than {MOST_BYTES // POINT_BYTES:,} points in these jobs together: take fewer jobs."
        raise Malformed("That is too much to read at a time.", (("?jobs", detail),))
    return extents


async def _tracks(curves: PackedCurves, jobs: Sequence[Job], key: str) -> list[Any]:
    from app.analysis.axes import Track  # noqa: PLC0415  brings numpy

    return [Track(job, *held) for job, held in zip(jobs, await curves.tracks([j.id for j in jobs], key), strict=True)]


def _smoothing(drawing: Drawing) -> dict[str, Any] | None:
    return {"method": "ema", "weight": drawing.weight} if drawing.weight else None
