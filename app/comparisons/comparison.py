"""A comparison, put together: the record of the jobs, then what was asked of their curves."""

from asyncio import to_thread
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.analysis.comparison import compared
from app.analysis.sorting import sorted_by
from app.comparisons.curves import Courses, latest
from app.comparisons.selection import Selection, selected
from app.services import Services
from unitscale.errors import Malformed
from unitscale.models.comparisons import Align
from unitscale.models.jobs import ENDED, Job

LOSSES = ("train_loss", "val_loss")
MOST_NAMED = 50
MOST_PLACES = 1_000_000
"""Of all curves of all jobs in one answer, which is then 60 MB long."""


@dataclass(frozen=True)
class Drawing:
    """Which curves are laid side by side, and how; the weight smooths the one that is to reach a loss, too."""

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
    ends = await latest(services.curves, jobs, LOSSES)
    told, places = await to_thread(lambda: sorted_by(compared(jobs, ends), asked.sort, asked.limit))
    drawing = asked.drawing
    _check_places(drawing, len(places))
    shown = [jobs[place] for place in places]
    await _check_names(services, asked, jobs)
    courses = Courses(services.curves, services.drawing, shown, drawing.weight)
    told["curves"] = {key: await courses.drawn(key, drawing.align, drawing.max_points) for key in drawing.keys}
    told["to_loss"] = None if asked.loss is None else await courses.raced(asked.of, asked.loss)
    told["remarks"] += courses.remarks
    return told


def _check_places(drawing: Drawing, jobs: int) -> None:
    most = MOST_PLACES // max(1, jobs * len(drawing.keys))
    if drawing.max_points > most:
        detail = f"With so many jobs and curves, at most {most}."
        raise Malformed(f"That would be more than {MOST_PLACES} places of curves.", (("?max_points", detail),))


async def _check_names(services: Services, asked: Asked, jobs: Sequence[Job]) -> None:
    """A curve that none of these jobs has, and none of them will have any more, is a slip."""
    wanted = [("?keys", key) for key in asked.drawing.keys] + [("?of", asked.of)]
    unusual = [(pointer, key) for pointer, key in wanted if key not in LOSSES]
    if not unusual or any(job.state not in ENDED for job in jobs):
        return
    known = await services.curves.names([job.id for job in jobs])
    there = ", ".join(sorted(known)[:MOST_NAMED]) or "none"
    wrong = [
        (at, f"None of these jobs has a curve {key}; there are: {there}.") for at, key in unusual if key not in known
    ]
    if wrong:
        raise Malformed(wrong[0][1], tuple(wrong))
