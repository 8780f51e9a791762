"""Curves as CSV, every point a line: `attempt,step,time,key,value`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import isfinite

from app.analysis.marks import Marks
from app.analysis.points import Points, unpacked
from unitscale.wire.curves import Packed

HEADER = "attempt,step,time,key,value\n"
POINTS_A_CHUNK = 2_000


def csv_chunks(packed: Packed, marks: bytes) -> Iterator[str]:
    """The file in pieces, curve by curve. What is not finite is an empty cell."""
    yield HEADER
    known = Marks.unpacked(marks)
    for key, data in sorted(packed.curves.items()):
        points = unpacked(data).until(packed.settled)
        for first in range(0, len(points), POINTS_A_CHUNK):
            yield "".join(_lines(key, points.cut(first, first + POINTS_A_CHUNK), known))


def _lines(key: str, points: Points, marks: Marks) -> Iterator[str]:
    for step, value in zip(points.step, points.value, strict=True):
        attempt, time = _moment(marks.of(step))
        yield f"{attempt},{step},{time},{key},{_number(value)}\n"


def _moment(mark: tuple[int, float] | None) -> tuple[str, str]:
    if mark is None:
        return "", ""
    attempt, seconds = mark
    return str(attempt), datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _number(value: float) -> str:
    """Nine digits: as many as tell any two 4-byte numbers apart."""
    return f"{value:.9g}" if isfinite(value) else ""
