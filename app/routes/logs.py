"""Logs: what happened to a job, line by line, and what its trainers wrote."""

from starlette.responses import PlainTextResponse

from app.dependencies import EntryCursor, EventsDep, Limit, OwnJob
from app.errors import problems
from app.http.routing import routes_of
from app.streaming.history import all_lines, log_page
from unitscale.errors import NotFound
from unitscale.models.events import LogLine
from unitscale.models.pages import Page

router = routes_of("logs")
plain = routes_of("logs", accepting="text/plain")

TEXT = {"schema": {"type": "string"}, "example": "epoch 1 done\n"}


@plain.get("/jobs/{job_id}/logs")
async def export_logs(job_id: OwnJob, events: EventsDep) -> PlainTextResponse:
    """All lines as text."""
    return PlainTextResponse(await all_lines(events, job_id))


@router.get("/jobs/{job_id}/logs", responses={200: {"content": {"text/plain": TEXT}}, **problems(NotFound)})
async def list_logs(job_id: OwnJob, events: EventsDep, limit: Limit = 50, cursor: EntryCursor = None) -> Page[LogLine]:
    """Lines of the job's trainers, oldest first; or all of them as `text/plain`, by `Accept`."""
    return await log_page(events, job_id, limit, cursor)
