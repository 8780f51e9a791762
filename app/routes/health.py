"""Health and metrics: open to anyone, naming no project."""

from typing import Literal

from fastapi import APIRouter, Response
from starlette.responses import PlainTextResponse

from app.dependencies import MeasuresDep, ServicesDep
from app.errors import problems
from app.http.routing import StrictRoute, own_name
from app.metrics import CONTENT_TYPE
from unitscale.errors import StoreAway
from unitscale.models.document import Answer

router = APIRouter(tags=["health"], route_class=StrictRoute, generate_unique_id_function=own_name)

TEXT = {"schema": {"type": "string"}}


class Health(Answer):
    """How this process is."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def is_alive() -> Health:
    """This process answers."""
    return Health()


@router.get("/readyz", responses=problems(StoreAway))
async def is_ready(services: ServicesDep) -> Health:
    """This process can do its work: the record is there."""
    await services.check()
    return Health()


@router.get("/metrics", response_class=PlainTextResponse, responses={200: {"content": {"text/plain": TEXT}}})
async def get_metrics(services: ServicesDep, measures: MeasuresDep) -> Response:
    """Requests and jobs in numbers, as Prometheus reads them."""
    return Response(await measures.text(services.jobs), media_type=CONTENT_TYPE)
