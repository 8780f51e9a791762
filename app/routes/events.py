"""Events: what happened to a job, as a page or as a stream."""

from typing import Annotated

from fastapi import Header
from starlette.responses import StreamingResponse

from app.dependencies import EntryCursor, EventsDep, FeedDep, Limit, OwnJob
from app.errors import problems
from app.http.routing import routes_of
from app.streaming.feed import BEGINNING
from app.streaming.frames import Bookmark
from app.streaming.history import event_page
from unitscale.errors import NotFound
from unitscale.models.events import Event
from unitscale.models.pages import Page

router = routes_of("events")
stream = routes_of("events", accepting="text/event-stream")

LastEventId = Annotated[
    str | None,
    Header(pattern=r"^[0-9]{1,19}-[0-9]{1,19}\.[0-9]{1,10}$", description="Id of the last event of a stream seen."),
]
STREAM = {
    "schema": {"type": "string"},
    "example": 'id: 1760000000000-0.100\nevent: points\ndata: {"curves": {"train_loss": {"step": [100], '
    '"value": [0.5]}}, "last_step": 100}\n\n',
}
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@stream.get("/jobs/{job_id}/events")
async def follow_events(job_id: OwnJob, feed: FeedDep, last_event_id: LastEventId = None) -> StreamingResponse:
    """Everything after the last event seen, then everything new; `end` comes once, last."""
    bookmark = Bookmark.parse(last_event_id) if last_event_id else BEGINNING
    return StreamingResponse(feed.follow(job_id, bookmark), media_type="text/event-stream", headers=HEADERS)


@router.get("/jobs/{job_id}/events", responses={200: {"content": {"text/event-stream": STREAM}}, **problems(NotFound)})
async def list_events(job_id: OwnJob, events: EventsDep, limit: Limit = 50, cursor: EntryCursor = None) -> Page[Event]:
    """What happened, oldest first; or a live stream that also carries points and the end, by `Accept`.

    Streams send `state`, `points`, `log`, `checkpoint` and `end`, and resume after `Last-Event-ID`.
    """
    return await event_page(events, job_id, limit, cursor)
