"""Which jobs a comparison is of: those that are named, and those that a sweep, a study or labels have in common."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from app.http.filters import LabelIs, OfCampaign
from unitscale.errors import Malformed, NotFound
from unitscale.models.jobs import Job
from unitscale.wire.jobs import Filter, Jobs

MOST_JOBS = 1024
JOBS_AT_A_TIME = 128
"""Read in one round trip: others have their turn in between."""
ID = "job_[0-9a-z]{20}"
LONGEST = MOST_JOBS * len("job_06g1m2c8kq7v3x9t4b5n,") - 1


@dataclass(frozen=True)
class Selection:
    """Ids of jobs, and what all others must have in common; None: no others."""

    ids: tuple[str, ...]
    only: Filter | None


async def selection(
    campaign: OfCampaign,
    jobs: Annotated[
        str | None,
        Query(
            pattern=f"^{ID}(,{ID})*$",
            max_length=LONGEST,
            description=f"Ids of jobs, with commas between them; at most {MOST_JOBS} in all.",
            examples=["job_06g1m2c8kq7v3x9t4b5n,job_06g1m2c8kq7v3x9t4b5p"],
        ),
    ] = None,
    label: Annotated[
        list[LabelIs], Query(max_length=32, description="Jobs with this label, as `name:value`; all of several.")
    ] = [],  # noqa: B006  # FastAPI copies it
) -> Selection:
    """What the caller asked for. Raises Malformed when that is nothing."""
    ids = tuple(dict.fromkeys(jobs.split(","))) if jobs else ()
    labels = tuple((name, value) for name, _, value in (pair.partition(":") for pair in label))
    only = Filter(labels=labels, campaign=campaign) if campaign or labels else None
    if not ids and only is None:
        raise Malformed("Nothing is compared.", (("?jobs", "Name jobs here, or give a sweep, a study or a label."),))
    return Selection(ids, only)


SelectionDep = Annotated[Selection, Depends(selection)]


async def selected(jobs: Jobs, project: str, wanted: Selection) -> list[Job]:
    """The jobs that are named, in that order; then the others, oldest first. Raises NotFound, Malformed."""
    named = await _named(jobs, project, wanted.ids)
    others = await _matching(jobs, project, wanted.only) if wanted.only else []
    found = list({job.id: job for job in (*named, *others)}.values())
    if not found:
        raise NotFound("No job of this project matches that.")
    if len(found) > MOST_JOBS:
        raise _too_many()
    return found


async def _named(jobs: Jobs, project: str, ids: tuple[str, ...]) -> list[Job]:
    parts = (ids[first : first + JOBS_AT_A_TIME] for first in range(0, len(ids), JOBS_AT_A_TIME))
    try:
        return [job for part in parts for job in await jobs.get_many(project, part)]
    except NotFound as error:
        raise NotFound(error.message, tuple(("?jobs", detail) for _, detail in error.fields)) from error


async def _matching(jobs: Jobs, project: str, only: Filter) -> list[Job]:
    """All of them: a page tells of as many as were looked at, be they few."""
    found, cursor, more = list[Job](), None, True
    while more:
        page = await jobs.page(project, only, MOST_JOBS, cursor)
        found += page.data
        if len(found) > MOST_JOBS:
            raise _too_many()
        cursor, more = page.next_cursor, page.has_more
    return found[::-1]


def _too_many() -> Malformed:
    detail = f"At most {MOST_JOBS} jobs are compared at a time: ask for fewer, by one more label."
    return Malformed(f"More than {MOST_JOBS} jobs match.", (("?label", detail),))
