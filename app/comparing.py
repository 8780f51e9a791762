"""A comparison, put together: the record of the jobs, then what was asked of their curves."""

from asyncio import to_thread
from dataclasses import dataclass
from typing import Any

from app.analysis.comparison import compared
from app.analysis.sorting import sorted_by
from app.courses import Courses, latest
from app.selection import Selection, selected
from app.services import Services
from unitscale.errors import Malformed
from unitscale.models.comparisons import Align

LOSSES = ("train_loss", "val_loss")
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
    courses = Courses(services.curves, services.drawing, [jobs[place] for place in places], drawing.weight)
    told["curves"] = {key: await courses.drawn(key, drawing.align, drawing.max_points) for key in drawing.keys}
    told["to_loss"] = None if asked.loss is None else await courses.raced(asked.of, asked.loss)
    told["remarks"] += courses.remarks
    return told


def _check_places(drawing: Drawing, jobs: int) -> None:
    most = MOST_PLACES // max(1, jobs * len(drawing.keys))
    if drawing.max_points > most:
        detail = f"With so many jobs and curves, at most {most}."
        raise Malformed(f"That would be more than {MOST_PLACES} places of curves.", (("?max_points", detail),))
