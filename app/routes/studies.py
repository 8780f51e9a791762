"""Studies: units searched under constraints until a target is reached or a budget is spent."""

from asyncio import to_thread
from functools import partial
from typing import Any

from fastapi import Response
from starlette.responses import HTMLResponse

from app.analysis.points import unpacked
from app.campaigns.beginning import CREATED, Wait, begin_later, common
from app.dependencies import Cursor, Limit, MayRead, MaySubmit, ServicesDep, StudyId
from app.errors import problems
from app.http.creating import located
from app.http.idempotency import Key, of_body
from app.http.routing import routes_of
from app.http.waiting import until_over
from app.report import study as report
from app.services import Services
from unitscale.errors import IdempotencyMismatch, IllegalTransition, NotFound, NoWorker, QuotaExceeded, Unsupported
from unitscale.models.pages import Page
from unitscale.models.studies import Progress, Study, StudySpec, Trial, state_of
from unitscale.models.trials import blamed, check
from unitscale.wire.campaigns import Glance, Held

KIND = "study"
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Of a page that needs nothing from anywhere."""
router = routes_of("studies")


@router.post(
    "/studies",
    status_code=201,
    responses={**CREATED, **problems(Unsupported, NoWorker, IdempotencyMismatch, QuotaExceeded)},
)
async def create_study(
    study: StudySpec, services: ServicesDep, caller: MaySubmit, response: Response, idempotency_key: Key = None
) -> Study:
    """Search units for the best value of an objective, then run the best again and name a winner."""
    idempotency = of_body("/v1/studies", study, idempotency_key)
    room = partial(_checked, services, study, caller.project)
    held, replayed = await begin_later(services, caller.project, KIND, study, room, idempotency)
    located(response, f"/v1/studies/{held.id}", replayed)
    return await _shown(services, held)


@router.get("/studies")
async def list_studies(services: ServicesDep, caller: MayRead, limit: Limit = 50, cursor: Cursor = None) -> Page[Study]:
    """The project's studies, newest first."""
    page = await services.campaigns.page(caller.project, KIND, limit, cursor)
    shown = tuple([await _shown(services, held) for held in page.data])
    return Page(data=shown, has_more=page.has_more, next_cursor=page.next_cursor)


@router.get("/studies/{study_id}", responses=problems(NotFound))
async def get_study(study_id: StudyId, services: ServicesDep, caller: MayRead, wait: Wait = 0) -> Study:
    """A study as it stands, or, with `?wait=`, as it ended."""
    held = await until_over(services.campaigns, services.live, KIND, (caller.project, study_id), wait)
    return await _shown(services, held)


@router.post("/studies/{study_id}/cancel", responses=problems(NotFound, IllegalTransition))
async def cancel_study(study_id: StudyId, services: ServicesDep, caller: MaySubmit) -> Study:
    """Call a study off with all of its jobs; it is cancelled when the last of them has stopped."""
    return await _shown(services, await services.campaigns.cancel(caller.project, KIND, study_id))


@router.get(
    "/studies/{study_id}/report",
    response_class=HTMLResponse,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}, **problems(NotFound)},
)
async def get_study_report(study_id: StudyId, services: ServicesDep, caller: MayRead) -> HTMLResponse:
    """What to use, how sure that is and how it was found: one HTML file that needs neither network nor script."""
    held = await services.campaigns.get(caller.project, KIND, study_id)
    study = await _shown(services, held)
    jobs = report.drawn(study)
    packed = await services.curves.tracks(jobs, "val_loss", timed=False)
    curves = {job: unpacked(points) for job, (points, *_) in zip(jobs, packed, strict=True)}
    page = await to_thread(report.page, study, StudySpec.model_validate(held.requested), curves)
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})


async def _checked(services: Services, study: StudySpec, project: str) -> tuple[int, int]:
    """How many jobs it begins with at most, and the quota of unfinished ones.

    Raises Malformed, Unsupported, which name fields of the study.
    """
    extremes = check(study, await services.intake.offer_for(study.base))
    try:
        for spec in (study.base, *extremes):
            await services.intake.prepare(spec, project)
    except Unsupported as error:
        raise blamed(study, error) from error
    return min(study.parallel, study.budget.trials), services.intake.quota


async def _shown(services: Services, held: Held) -> Study:
    study, progress = StudySpec.model_validate(held.requested), Progress.model_validate(held.document)
    glances = await services.campaigns.glances(held)
    states = {glance.id: glance for glance in glances}
    iterations = tuple(
        each.model_copy(update={"trials": tuple(_standing(trial, states) for trial in each.trials)})
        for each in progress.iterations
    )
    found: dict[str, Any] = dict(progress) | {"iterations": iterations}
    return Study(**common(held, study.name, glances), **found, objectives=study.objectives, target=study.target)


def _standing(trial: Trial, glances: dict[str, Glance]) -> Trial:
    """A trial whose end was not taken up yet stands where its job does."""
    glance = glances.get(trial.job)
    if trial.settled or glance is None:
        return trial
    return trial.model_copy(update={"state": state_of(glance.state)})
