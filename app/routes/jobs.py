"""Jobs: submitted, read, listed, called off, forgotten."""

from asyncio import to_thread
from typing import Annotated

from fastapi import Query, Response

from app.dependencies import BlobsDep, Cursor, IntakeDep, JobId, JobsDep, Limit, MayRead, MaySubmit, ServicesDep
from app.errors import problems
from app.http import responses
from app.http.creating import created, located
from app.http.filters import JobFilter
from app.http.idempotency import Key, of_body
from app.http.polling import PollRoute
from app.http.routing import routes_of
from app.http.waiting import until_ended
from unitscale.errors import (
    IdempotencyMismatch,
    IllegalTransition,
    NotEnded,
    NotFound,
    NoWorker,
    QuotaExceeded,
    Unsupported,
)
from unitscale.models.jobs import DryRun, Job
from unitscale.models.pages import Page
from unitscale.models.specs import JobSpec

router = routes_of("jobs")
poll = routes_of("jobs", route_class=PollRoute)

DryRunFlag = Annotated[bool, Query(description="Answer what would be done, and do nothing.")]
Wait = Annotated[float, Query(ge=0, le=60, description="Seconds to hold the answer back until the job has ended.")]
SUBMITTED = {
    200: {"description": "With `?dry_run=true`: the spec as it would run. Nothing was stored.", "model": DryRun},
    **created("The job, queued."),
    **problems(Unsupported, NoWorker, IdempotencyMismatch, QuotaExceeded),
}


@poll.get("/jobs/{job_id}", responses=problems(NotFound))
async def get_job(job_id: JobId, services: ServicesDep, caller: MayRead, wait: Wait = 0) -> Job:
    """A job as it stands, or, with `?wait=`, as it ended."""
    return await until_ended(services.jobs, services.live, caller.project, job_id, wait)


@router.post("/jobs", status_code=201, response_model=Job, responses=SUBMITTED)
async def submit_job(
    spec: JobSpec,
    intake: IntakeDep,
    caller: MaySubmit,
    response: Response,
    idempotency_key: Key = None,
    dry_run: DryRunFlag = False,
) -> Job | Response:
    """Accept a training job and return at once; it runs when a slot is free."""
    if dry_run:
        return responses.document(await intake.estimate(spec, caller.project))
    idempotency = of_body("/v1/jobs", spec, idempotency_key)
    job, replayed = await intake.submit(spec, caller.project, idempotency)
    located(response, f"/v1/jobs/{job.id}", replayed)
    return job


@router.get("/jobs")
async def list_jobs(
    jobs: JobsDep, caller: MayRead, only: JobFilter, limit: Limit = 50, cursor: Cursor = None
) -> Page[Job]:
    """The project's jobs, newest first."""
    return await jobs.page(caller.project, only, limit, cursor)


@router.post("/jobs/{job_id}/cancel", responses=problems(NotFound, IllegalTransition))
async def cancel_job(job_id: JobId, intake: IntakeDep, caller: MaySubmit) -> Job:
    """Call a job off: at once where it waits, as a wish where it runs."""
    return await intake.cancel(job_id, caller.project)


@router.post("/jobs/{job_id}/pause", responses=problems(NotFound, IllegalTransition))
async def pause_job(job_id: JobId, intake: IntakeDep, caller: MaySubmit) -> Job:
    """Set a job aside with its checkpoint; its slot goes to another."""
    return await intake.pause(job_id, caller.project)


@router.post("/jobs/{job_id}/resume", responses=problems(NotFound, IllegalTransition))
async def resume_job(job_id: JobId, intake: IntakeDep, caller: MaySubmit) -> Job:
    """Queue a paused job again; it goes on where it stood."""
    return await intake.resume(job_id, caller.project)


@router.delete("/jobs/{job_id}", status_code=204, responses=problems(NotFound, NotEnded))
async def delete_job(job_id: JobId, jobs: JobsDep, blobs: BlobsDep, caller: MaySubmit) -> None:
    """Forget an ended job, with its curves and files."""
    await jobs.delete(caller.project, job_id)
    await to_thread(blobs.forget, job_id)
