"""Comparison: jobs side by side."""

from asyncio import gather

from fastapi import Response

from app import responses
from app.analysis.comparison import compared
from app.dependencies import CurvesDep, JobsDep, MayRead
from app.errors import problems
from app.parameters import ComparedJobs
from app.routing import routes_of
from unitscale.errors import NotFound
from unitscale.models.comparisons import Comparison

router = routes_of("compare")


@router.get("/compare", response_model=Comparison, responses=problems(NotFound))
async def compare_jobs(ids: ComparedJobs, jobs: JobsDep, curves: CurvesDep, caller: MayRead) -> Response:
    """The fields in which jobs differ, what came out of each, and their curves, sampled alike."""
    found = await jobs.get_many(caller.project, ids)
    return responses.measures(compared(found, await gather(*(curves.read(job.id) for job in found))))
