"""The order in which compared jobs are told, and how many of them."""

from collections.abc import Sequence
from typing import Any, cast

from app.analysis.directions import better
from unitscale.errors import Malformed

PARALLEL = ("fields", "measures")


def sorted_by(told: dict[str, Any], sort: str | None, limit: int | None) -> tuple[dict[str, Any], list[int]]:
    """The comparison with its first jobs by a measure, best first, or by a field; and where they stood.

    A minus turns the order round; jobs that have no such value are the last in either. Raises Malformed.
    """
    places = list(range(len(told["jobs"])))
    if sort is not None:
        places = _sorted(places, *_column(told, sort.removeprefix("-")), reverse=sort.startswith("-"))
    places = places[:limit]
    if sort is None and len(places) == len(told["jobs"]):
        return told, places
    rows = {name: {path: [row[i] for i in places] for path, row in told[name].items()} for name in PARALLEL}
    return {**told, **rows, "jobs": [told["jobs"][i] for i in places]}, places


def _column(told: dict[str, Any], path: str) -> tuple[Sequence[Any], bool]:
    """The values of a measure or a field, and whether the highest comes first."""
    if path in told["measures"]:
        return told["measures"][path], better(path) == "higher"
    if path in told["fields"]:
        return told["fields"][path], False
    if path == "name":
        return [job["name"] for job in told["jobs"]], False
    if better(path) is not None:
        return [None] * len(told["jobs"]), False
    known = ", ".join([*told["measures"], *told["fields"]][:20])
    raise Malformed(f"There is nothing called {path} to sort by.", (("?sort", f"Such as {known}."),))


def _sorted(places: list[int], values: Sequence[Any], highest_first: bool, *, reverse: bool) -> list[int]:
    known = [place for place in places if values[place] is not None]
    known.sort(key=lambda place: _rank(values[place]), reverse=highest_first != reverse)
    return known + [place for place in places if values[place] is None]


def _rank(value: Any) -> tuple[int, float, str]:
    """Numbers before words, whatever stands in one column."""
    if isinstance(value, (int, float)):
        return 0, float(value), ""
    return 1, 0.0, str(cast("object", value))
