"""Curves: a job's measures over its steps."""

from asyncio import to_thread
from typing import Annotated

from fastapi import Query, Response
from starlette.responses import StreamingResponse

from app.analysis.export import HEADER, csv_chunks
from app.analysis.shown import shown
from app.dependencies import CurvesDep, OwnJob, ServicesDep
from app.errors import problems
from app.http import responses
from app.http.parameters import CurveKeys
from app.http.routing import routes_of
from unitscale.errors import NotFound
from unitscale.models.curves import Curves

router = routes_of("curves")
export = routes_of("curves", accepting="text/csv")

AfterStep = Annotated[int, Query(ge=0, le=2**32 - 1, description="Only points beyond this step.")]
MaxPoints = Annotated[
    int | None, Query(ge=2, le=10_000, description="Sample longer curves down to this many points; extremes stay.")
]
CSV = {"schema": {"type": "string"}, "example": HEADER + "1,1,2026-01-01T00:00:00.000Z,train_loss,0.5\n"}


@export.get("/jobs/{job_id}/curves")
async def export_curves(job_id: OwnJob, curves: CurvesDep, keys: CurveKeys, after_step: AfterStep = 0) -> Response:
    """Every point, one a line."""
    packed = await curves.read(job_id, keys, after_step)
    return StreamingResponse(csv_chunks(packed, await curves.marks(job_id)), media_type="text/csv")


@router.get(
    "/jobs/{job_id}/curves",
    response_model=Curves,
    responses={200: {"content": {"text/csv": CSV}}, **problems(NotFound)},
)
async def get_curves(
    job_id: OwnJob, services: ServicesDep, keys: CurveKeys, after_step: AfterStep = 0, max_points: MaxPoints = None
) -> Response:
    """Points of a job's curves as JSON, or all of them at full resolution as `text/csv`, by `Accept`."""
    async with services.drawing:
        packed = await services.curves.read(job_id, keys, after_step)
        return await to_thread(lambda: responses.measures(shown(packed, after_step, max_points)))
