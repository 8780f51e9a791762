"""Curves of several jobs, read and worked on a few megabytes at a time, so that others have their turn in between."""

import asyncio
from asyncio import to_thread
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from unitscale.errors import Malformed
from unitscale.models.comparisons import Align
from unitscale.models.jobs import Job
from unitscale.wire.curves import POINT_BYTES, PackedCurves

if TYPE_CHECKING:
    from app.analysis.axes import Track

T = TypeVar("T")

MOST_BYTES = 2**29
"""Of one curve in all jobs: 67 million points, which take some seconds."""
BYTES_AT_A_TIME = 2**23


class Courses:
    """The courses of these jobs. Its verbs raise Malformed where that would be too much to read."""

    def __init__(
        self, curves: PackedCurves, turns: asyncio.Semaphore, jobs: Sequence[Job], weight: float | None
    ) -> None:
        self._curves = curves
        self._turns = turns
        self._jobs = jobs
        self._weight = weight
        self.remarks: list[str] = []
        """What was asked for in vain."""

    async def drawn(self, key: str, align: Align, most: int) -> dict[str, Any]:
        """The fields of `Aligned`."""
        from app.analysis import alignment  # noqa: PLC0415  brings numpy

        timed = align == "time"
        sizes, firsts = await self._extents(key, timed)
        grid = await to_thread(alignment.even, align, self._jobs, firsts, most)
        if max(sizes) <= most * POINT_BYTES:
            tracks = await self._tracks(self._jobs, key, timed)
            every = await to_thread(lambda: alignment.every_place(align, tracks, most))
            grid = grid if every is None else every
        lay = partial(alignment.laid, align, weight=self._weight, grid=grid)
        laid = await self._each(key, timed, sizes, lay)
        if not len(grid):
            self.remarks.append(f"None of these jobs has a curve {key} to draw along {align}.")
        return {"align": align, "x": grid.tolist(), "smoothing": self._smoothing(), "jobs": laid}

    async def raced(self, key: str, loss: float) -> dict[str, Any]:
        """The fields of `Reached`."""
        from app.analysis import race  # noqa: PLC0415  brings numpy

        sizes, firsts = await self._extents(key, timed=True)
        if not any(firsts):
            self.remarks.append(f"None of these jobs has a curve {key} that could have reached {loss:g}.")
        if len({(job.hardware, job.fused.lanes if job.fused else 1) for job in self._jobs if job.attempt}) > 1:
            self.remarks.append("The jobs differ in hardware or lanes, so seconds and speed-ups are no fair race.")
        arrivals = await self._each(key, True, sizes, partial(race.arrival, loss, weight=self._weight))
        head = {"loss": loss, "of": key, "smoothing": self._smoothing(), "relative_to": self._jobs[0].id}
        return head | race.race(arrivals)

    async def _each(self, key: str, timed: bool, sizes: Sequence[int], verb: "Callable[[Track], T]") -> list[T]:
        """What the verb makes of each job's track."""
        done: list[T] = []
        for part in _parts(self._jobs, sizes):
            async with self._turns:
                done += await to_thread(list[T], map(verb, await self._tracks(part, key, timed)))
        return done

    async def _extents(self, key: str, timed: bool) -> tuple[list[int], list[int]]:
        """Bytes and first steps of the jobs' curves."""
        extents = await self._curves.extents([job.id for job in self._jobs], key, timed=timed)
        sizes, firsts = [size for size, _ in extents], [first for _, first in extents]
        if sum(sizes) > MOST_BYTES:
            detail = f"{key} has more than {MOST_BYTES // POINT_BYTES:,} points in these jobs together: take fewer."
            raise Malformed("That is too much to read at a time.", (("?jobs", detail),))
        return sizes, firsts

    async def _tracks(self, jobs: Sequence[Job], key: str, timed: bool) -> "list[Track]":
        from app.analysis.axes import Track  # noqa: PLC0415  brings numpy

        held = await self._curves.tracks([job.id for job in jobs], key, timed=timed)
        return [Track(job, *each) for job, each in zip(jobs, held, strict=True)]

    def _smoothing(self) -> dict[str, Any] | None:
        return {"method": "ema", "weight": self._weight} if self._weight else None


async def latest(curves: PackedCurves, jobs: Sequence[Job], keys: Sequence[str]) -> dict[str, dict[str, float]]:
    """Of jobs without a result: the last value of each of these curves."""
    from app.analysis.axes import settled  # noqa: PLC0415  brings numpy

    unfinished = [job for job in jobs if job.result is None and job.progress.step]
    found: dict[str, dict[str, float]] = {job.id: {} for job in unfinished}
    for key in keys if unfinished else ():
        for job, end in zip(unfinished, await curves.ends([job.id for job in unfinished], key), strict=True):
            _, values = settled(end, job.progress.step)
            if len(values):
                found[job.id][key] = values[-1].item()
    return found


def _parts(jobs: Sequence[Job], sizes: Sequence[int]) -> list[list[Job]]:
    """The jobs in order, in parts of so many bytes or of one job."""
    parts: list[list[Job]] = [[]]
    held = 0
    for job, size in zip(jobs, sizes, strict=True):
        if held + size > BYTES_AT_A_TIME and parts[-1]:
            parts.append([])
            held = 0
        parts[-1].append(job)
        held += size
    return parts
