"""What is new of a job, for readers who follow: its points and its events, read at one moment and in one round trip."""

from unitscale.models.events import Event
from unitscale.wire.curves import Packed, packed
from unitscale.wire.events import event
from unitscale.wire.store import Store


class News:
    """Reads what a reader has not seen."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def after(self, job_id: str, step: int, entry: str, limit: int) -> tuple[Packed, list[Event]]:
        """The points after a step, and up to `limit` events after the one with this id."""
        points, entries = await self._store.run("news", job_id, step, entry, limit)
        return packed(points), [
            event(entry_id.decode(), dict(zip(fields[0::2], fields[1::2], strict=True))) for entry_id, fields in entries
        ]
