"""The record of what happened to a job, oldest first; log lines included."""

import json
from collections.abc import Mapping
from typing import Any

from unitscale.models.document import moment
from unitscale.models.events import Event
from unitscale.wire.keys import name
from unitscale.wire.store import Store

START = "0-0"


class Events:
    """Reads a job's events."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def after(self, job_id: str, entry: str = START, limit: int = 1000) -> list[Event]:
        """Up to `limit` events after the one with this id."""
        [entries] = await self._store.read(("XRANGE", name("events", job_id), f"({entry}", "+", "COUNT", limit))
        return [event(entry_id.decode(), fields) for entry_id, fields in entries]


def event(entry_id: str, fields: Mapping[bytes, bytes]) -> Event:
    """The event that this entry of the stream holds."""
    data: dict[str, Any] = json.loads(fields[b"data"])
    at = moment(int(entry_id.partition("-")[0]))
    return Event.model_validate({"id": entry_id, "type": fields[b"type"].decode(), "at": at, "data": data})
