"""Sweeps: one spec over a grid of values, each a job of its own."""

from functools import partial

from fastapi import Response

from app.campaigns.beginning import CREATED, Wait, begin, common
from app.campaigns.sweeps import drawn_up
from app.dependencies import Cursor, Limit, MayRead, MaySubmit, ServicesDep, SweepId
from app.errors import problems
from app.http.creating import located
from app.http.idempotency import Key, of_body
from app.http.routing import routes_of
from app.http.waiting import until_over
from app.services import Services
from unitscale.errors import IdempotencyMismatch, IllegalTransition, NotFound, NoWorker, QuotaExceeded, Unsupported
from unitscale.models.campaigns import member_id
from unitscale.models.jobs import Timings
from unitscale.models.measures import measured, of_process
from unitscale.models.pages import Page
from unitscale.models.sweeps import BestJob, Sweep, SweepSpec
from unitscale.wire.campaigns import Glance, Held

KIND = "sweep"
router = routes_of("sweeps")


@router.post(
    "/sweeps",
    status_code=201,
    responses={**CREATED, **problems(Unsupported, NoWorker, IdempotencyMismatch, QuotaExceeded)},
)
async def create_sweep(
    sweep: SweepSpec, services: ServicesDep, caller: MaySubmit, response: Response, idempotency_key: Key = None
) -> Sweep:
    """Submit every combination as a job of its own; jobs that are alike train together in one process."""
    idempotency = of_body("/v1/sweeps", sweep, idempotency_key)
    draw_up = partial(drawn_up, services, caller.project, sweep)
    held, replayed = await begin(services, caller.project, KIND, sweep, draw_up, idempotency)
    located(response, f"/v1/sweeps/{held.id}", replayed)
    return await _shown(services, held)


@router.get("/sweeps")
async def list_sweeps(services: ServicesDep, caller: MayRead, limit: Limit = 50, cursor: Cursor = None) -> Page[Sweep]:
    """The project's sweeps, newest first."""
    page = await services.campaigns.page(caller.project, KIND, limit, cursor)
    shown = tuple([await _shown(services, held) for held in page.data])
    return Page(data=shown, has_more=page.has_more, next_cursor=page.next_cursor)


@router.get("/sweeps/{sweep_id}", responses=problems(NotFound))
async def get_sweep(sweep_id: SweepId, services: ServicesDep, caller: MayRead, wait: Wait = 0) -> Sweep:
    """A sweep as it stands, or, with `?wait=`, as it ended."""
    held = await until_over(services.campaigns, services.live, KIND, (caller.project, sweep_id), wait)
    return await _shown(services, held)


@router.post("/sweeps/{sweep_id}/cancel", responses=problems(NotFound, IllegalTransition))
async def cancel_sweep(sweep_id: SweepId, services: ServicesDep, caller: MaySubmit) -> Sweep:
    """Call a sweep off with all of its jobs; it is cancelled when the last of them has stopped."""
    return await _shown(services, await services.campaigns.cancel(caller.project, KIND, sweep_id))


async def _shown(services: Services, held: Held) -> Sweep:
    spec = SweepSpec.model_validate(held.requested)
    glances = await services.campaigns.glances(held, timed=spec.objective.measure in Timings.model_fields)
    best = _best(spec, held, glances)
    return Sweep(**common(held, spec.name, glances), objective=spec.objective, axes=spec.axes, best=best)


def _best(spec: SweepSpec, held: Held, glances: list[Glance]) -> BestJob | None:
    measures = {
        glance.id: measured(glance.result, glance.timings.model_dump(), spec.objective.measure)
        for glance in glances
        if glance.result
    }
    values = {job: value for job, value in measures.items() if value is not None}
    machines = {glance.hardware for glance in glances if glance.id in values}
    if not values or (of_process(spec.objective.measure) and len(machines) > 1):
        return None
    job = min(values, key=lambda job: spec.objective.cost(values[job]))
    settings = {member_id(held.id, place): setting for place, setting in enumerate(spec.points())}
    return BestJob(job=job, value=values[job], setting=settings[job])
