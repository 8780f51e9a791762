"""What happened to a job, in pages: events, and the log lines among them."""

from unitscale.models.events import Event, LogLine
from unitscale.models.pages import Page
from unitscale.wire.events import START, Events

CHUNK = 1000


async def event_page(events: Events, job_id: str, limit: int, cursor: str | None) -> Page[Event]:
    """Events after the cursor, oldest first."""
    found = await events.after(job_id, cursor or START, limit + 1)
    more = len(found) > limit
    return Page(data=tuple(found[:limit]), has_more=more, next_cursor=found[limit - 1].id if more else None)


async def log_page(events: Events, job_id: str, limit: int, cursor: str | None) -> Page[LogLine]:
    """Log lines after the cursor, oldest first."""
    found = await _logs(events, job_id, cursor or START, limit + 1)
    more = len(found) > limit
    lines = tuple(_line(event) for event in found[:limit])
    return Page(data=lines, has_more=more, next_cursor=found[limit - 1].id if more else None)


async def all_lines(events: Events, job_id: str) -> str:
    """All log lines as text."""
    return "".join(f"{event.data['line']}\n" for event in await _logs(events, job_id, START, None))


async def _logs(events: Events, job_id: str, after: str, most: int | None) -> list[Event]:
    """Events that are log lines: they stand among others, so that some are read in vain."""
    kept: list[Event] = []
    while most is None or len(kept) < most:
        chunk = await events.after(job_id, after, CHUNK)
        kept += [event for event in chunk if event.type == "log"]
        if len(chunk) < CHUNK:
            break
        after = chunk[-1].id
    return kept[:most]


def _line(event: Event) -> LogLine:
    return LogLine.model_validate({"at": event.at, **event.data})
