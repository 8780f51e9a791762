"""Comparison: jobs side by side."""

from asyncio import to_thread
from typing import Annotated

from fastapi import Depends, Query, Response

from app.analysis.tabulated import csv_of, markdown_of
from app.comparisons.comparison import Asked, Drawing, comparison
from app.comparisons.selection import MOST_JOBS, SelectionDep
from app.dependencies import MayRead, ServicesDep
from app.errors import problems
from app.http import responses
from app.http.negotiation import MEDIA_TYPES, FormDep
from app.http.parameters import DrawnKeys
from app.http.routing import routes_of
from unitscale.errors import NotFound
from unitscale.models.comparisons import Align, Comparison
from unitscale.models.curves import CurveKey

router = routes_of("compare")

CSV = {"schema": {"type": "string"}, "example": "id,name,state,step,field:seed,measure:val_loss\n"}
MARKDOWN = {"schema": {"type": "string"}, "example": "| | `a` | `b` |\n| --- | --- | --- |\n"}
TEXTS = {"csv": csv_of, "markdown": markdown_of}

MaxPoints = Annotated[int, Query(ge=2, le=10_000, description="Places of a curve's grid.")]
Smooth = Annotated[
    float, Query(ge=0, lt=1, description="Weight of a debiased exponential mean over the points of a curve; 0: none.")
]
ToLoss = Annotated[
    float | None, Query(allow_inf_nan=False, description="Tell when each job's curve first was at or below this.")
]
Of = Annotated[CurveKey, Query(description="The curve that `to_loss` is about; `smooth` smooths it, too.")]
Sort = Annotated[
    str | None,
    Query(
        max_length=200,
        pattern=r"^-?[^-\x00-\x1f\x7f][^\x00-\x1f\x7f]*$",
        description="A measure (best first) or a field; with a minus before it, the other way round.",
        examples=["val_loss"],
    ),
]
Limit = Annotated[int | None, Query(ge=1, le=MOST_JOBS, description="Only the first so many jobs.")]


async def drawing(keys: DrawnKeys, align: Align = "step", max_points: MaxPoints = 200, smooth: Smooth = 0.0) -> Drawing:
    """Which curves, and how: none unless some are named."""
    return Drawing(tuple(keys), align, max_points, smooth or None)


@router.get(
    "/compare",
    response_model=Comparison,
    responses={200: {"content": {"text/csv": CSV, "text/markdown": MARKDOWN}}, **problems(NotFound)},
)
async def compare_jobs(
    selection: SelectionDep,
    services: ServicesDep,
    caller: MayRead,
    form: FormDep,
    drawn: Annotated[Drawing, Depends(drawing)],
    to_loss: ToLoss = None,
    of: Of = "val_loss",
    sort: Sort = None,
    limit: Limit = None,
) -> Response:
    """The fields in which jobs differ, what came out of each, which is best, and, where named, their curves.

    As JSON; as `text/csv`, one row a job (or, with `keys`, one row for each place of their curves); as `text/markdown`.
    """
    told = await comparison(services, caller.project, selection, Asked(drawn, to_loss, of, sort, limit))
    if form == "json":
        return await to_thread(lambda: responses.measures(told))
    return Response(await to_thread(lambda: TEXTS[form](told)), media_type=MEDIA_TYPES[form])
