"""Numbers, times and specs as people read them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import cast

from unitscale.models.spoken import spoken

STYLES = {
    "queued": "yellow",
    "running": "cyan",
    "paused": "magenta",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "dim",
    "deleted": "dim",
    "checking": "cyan",
    "ready": "green",
    "invalid": "red",
}
"""A colour for each state; an unknown one has none."""

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def age(since: datetime, now: datetime) -> str:
    """How long ago, in its largest unit: 3m, 2d."""
    seconds = max(0, int((now - since).total_seconds()))
    return next((f"{seconds // length}{unit}" for unit, length in _UNITS if seconds >= length), "0s")


def seconds(value: float | None) -> str:
    """A duration: 0.012 s, 45 s, 1:02:03."""
    if value is None:
        return "–"
    if value < 60:
        return f"{value:.3g} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def number(value: object) -> str:
    """Four figures of a float, every figure of an integer, a dash for nothing."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}"
    return spoken(value)


def amount(value: object) -> str:
    """The same of what was measured: whole numbers are grouped as the others are."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1e4:
        return f"{value:,}"
    return number(value)


def counted(count: int, noun: str) -> str:
    """So many of them: 1 job, 2 jobs."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def magnitude(value: float | None) -> str:
    """A count of any size in four figures: 7.407e+10."""
    return number(None) if value is None else f"{value:.4g}"


def size(amount: int | None) -> str:
    """Bytes in the unit that keeps them short."""
    value = float(amount or 0)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def flat(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every leaf that says something, by its dotted path."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flat(cast("dict[str, object]", value), f"{prefix}{name}.")
        elif value is not None and value != []:
            yield prefix + name, value


def phrase(tree: Mapping[str, object]) -> str:
    """A small mapping on one line: learning_rate 0.05 · batch_size 32."""
    return " · ".join(f"{name} {number(value)}" for name, value in flat(tree)) or "–"
