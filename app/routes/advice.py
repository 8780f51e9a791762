"""Advice: recommended units of training."""

from app.advice import advice
from app.dependencies import MayRead, ServicesDep
from app.errors import problems
from app.http.routing import routes_of
from unitscale.errors import NotFound, NoWorker, Unsupported
from unitscale.models.advice import Advice, AdviceRequest

router = routes_of("advice")


@router.post("/advice", responses=problems(Unsupported, NoWorker, NotFound))
async def advise(wanted: AdviceRequest, services: ServicesDep, caller: MayRead) -> Advice:
    """Units for a spec with reasons, what to expect of them, and the spec with them filled in. Nothing is stored."""
    return await advice(services, caller.project, wanted)
