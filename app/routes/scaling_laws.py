"""Scaling laws: fitted, and asked."""

from fastapi import Response

from app.dependencies import MayRead, ServicesDep
from app.errors import problems
from app.http import responses
from app.http.routing import routes_of
from app.scaling_laws.requests import scaling_law
from unitscale.errors import Busy, NoLaw, NotEnded, NotFound
from unitscale.models.scaling_laws import ScalingLaw, ScalingLawRequest

router = routes_of("scaling laws")


@router.post("/scaling-laws", response_model=ScalingLaw, responses=problems(NotFound, NotEnded, NoLaw, Busy))
async def fit_scaling_law(wanted: ScalingLawRequest, services: ServicesDep, caller: MayRead) -> Response:
    """How the loss follows from parameters and tokens, by points or jobs, and what that says of other sizes.

    Nothing is stored. It takes half a second, and for the most points and refits up to a minute.
    """
    return responses.document(await scaling_law(services, caller.project, wanted))
