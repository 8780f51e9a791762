"""What a stream carries, as server-sent events."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydantic_core import to_json

from app.analysis.points import Points, unpacked
from unitscale.models.events import Event
from unitscale.models.jobs import ENDED
from unitscale.wire.curves import Packed

POINTS_A_FRAME = 10_000


@dataclass(frozen=True)
class Bookmark:
    """Where a reader stands: the last event seen, and the step up to which points were seen."""

    entry: str
    step: int

    @classmethod
    def parse(cls, text: str) -> Self:
        entry, _, step = text.partition(".")
        return cls(entry, int(step))

    def __str__(self) -> str:
        return f"{self.entry}.{self.step}"


def frames(packed: Packed, events: Sequence[Event], after: Bookmark, ended: bool) -> tuple[list[bytes], Bookmark]:
    """Encoded events, points and end in their order, points before the last state; and the bookmark behind them."""
    last = next((number for number, event in enumerate(events) if _is_end(event)), len(events))
    encoded: list[bytes] = []
    at = after
    for event in events[:last]:
        at = _told(encoded, event, at)
    for step, curves in _portions(packed, after.step):
        at = Bookmark(at.entry, step)
        encoded.append(frame(at, "points", {"curves": curves, "last_step": step}))
    at = Bookmark(at.entry, max(at.step, packed.settled))
    for event in events[last:]:
        at = _told(encoded, event, at)
    if ended:
        encoded.append(frame(at, "end", {"state": packed.state}))
    return encoded, at


def frame(at: Bookmark, kind: str, data: object) -> bytes:
    """One server-sent event."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (str(at).encode(), kind.encode(), to_json(data, inf_nan_mode="null"))


def _told(encoded: list[bytes], event: Event, at: Bookmark) -> Bookmark:
    at = Bookmark(event.id, at.step)
    encoded.append(frame(at, event.type, event.data))
    return at


def _is_end(event: Event) -> bool:
    return event.type == "state" and event.data.get("state") in ENDED


def _portions(packed: Packed, after: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """New points, a bounded number of each curve at a time, each portion whole up to its step."""
    settled = max(packed.settled, after)
    left = _some({key: unpacked(data).until(packed.settled) for key, data in packed.curves.items()})
    while left:
        cut = min((p.step[POINTS_A_FRAME - 1] for p in left.values() if len(p) > POINTS_A_FRAME), default=settled)
        portion = _some({key: points.until(cut) for key, points in left.items()})
        yield cut, {key: {"step": p.steps(), "value": p.values()} for key, p in portion.items()}
        left = _some({key: points.after(cut) for key, points in left.items()})


def _some(curves: dict[str, Points]) -> dict[str, Points]:
    return {key: points for key, points in curves.items() if len(points)}
