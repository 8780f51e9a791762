"""A comparison as a file: CSV for spreadsheets, Markdown for pull requests."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from unitscale.models.comparisons import Align, is_principal

JOBS_ACROSS = 6
"""Up to so many, jobs are the columns of a Markdown table; more of them are its rows."""
UNITS: dict[Align, str] = {
    "step": "step",
    "tokens": "tokens",
    "examples": "examples",
    "time": "seconds",
    "fraction": "fraction",
}
BLOCKS = "▁▂▃▄▅▆▇█"
Column = tuple[str, Sequence[Any]]


def csv_of(told: Mapping[str, Any]) -> str:
    """One row a job; where curves were asked for, one row for each of their places instead."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows(_places(told) if told["curves"] else _jobs(told))
    return file.getvalue()


def markdown_of(told: Mapping[str, Any]) -> str:
    """A table; the best of each measure is bold."""
    jobs = told["jobs"]
    heads = [_code(job["name"] or job["id"]) for job in jobs]
    if len(jobs) > JOBS_ACROSS:
        named = [("name", [_short(job["name"]) for job in jobs])] if any(job["name"] for job in jobs) else []
        columns = [("job", [_code(job["id"]) for job in jobs]), *named, *_columns(told, principal=True)]
        rows = [[title for title, _ in columns], *zip(*(cells for _, cells in columns), strict=True)]
    else:
        ids = [("id", [_code(job["id"]) for job in jobs])] if any(job["name"] for job in jobs) else []
        rows = [["", *heads], *([title, *cells] for title, cells in (*ids, *_columns(told, principal=False)))]
    header, *body = [f"| {' | '.join(row)} |" for row in rows]
    rule = "|" + " --- |" * len(rows[0])
    remarks = [f"\n{remark}" for remark in told["remarks"]]
    return "\n".join([header, rule, *body, *remarks]) + "\n"


def _jobs(told: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    columns = [
        *((name, [job[name] for job in told["jobs"]]) for name in ("id", "name", "state")),
        ("step", [job["progress"]["step"] for job in told["jobs"]]),
        *((f"field:{path}", row) for path, row in told["fields"].items() if path != "name"),
        *((f"measure:{path}", row) for path, row in told["measures"].items()),
        *_race(told),
    ]
    yield [_cell(title) for title, _ in columns]
    for row in zip(*(cells for _, cells in columns), strict=True):
        yield [_cell(value) for value in row]


def _places(told: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    align: Align = next(iter(told["curves"].values()))["align"]
    yield ["job", "key", UNITS[align], "value", "min", "max"]
    for key, drawn in told["curves"].items():
        for job, laid in zip(told["jobs"], drawn["jobs"], strict=True):
            for x, *values in zip(drawn["x"], laid["value"], laid["min"], laid["max"], strict=True):
                if any(isfinite(value) for value in values):
                    yield [job["id"], key, _cell(x), *(_cell(value) for value in values)]


def _race(told: Mapping[str, Any]) -> list[Column]:
    race = told["to_loss"]
    if race is None:
        return []
    reached = [(f"to_loss:{cost}", race[cost]) for cost in race["speed_up"]]
    return [*reached, *((f"speed_up:{cost}", row) for cost, row in race["speed_up"].items())]


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula; what is not finite is empty, as is what is not there."""
    if isinstance(value, str):
        return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
    if isinstance(value, float):
        return f"{value:.9g}" if isfinite(value) else ""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return json.dumps(value)


def _columns(told: Mapping[str, Any], *, principal: bool) -> Iterator[tuple[str, list[str]]]:
    """Titles and cells, ready to be set: states, fields, measures, the race, curves."""
    jobs = told["jobs"]
    if any(job["state"] != "succeeded" for job in jobs):
        yield "state", [job["state"] for job in jobs]
    fields = {path: row for path, row in told["fields"].items() if path != "name"}
    yield from ((_code(path), [_short(value) for value in row]) for path, row in fields.items())
    yield from _measures(told, principal=principal)
    race = [(title, row) for title, row in _race(told) if any(value is not None for value in row)]
    yield from ((title.replace(":", " "), [_short(value) for value in row]) for title, row in race)
    for key, drawn in told["curves"].items():
        yield key, [_sparkline(laid["value"]) for laid in drawn["jobs"]]


def _measures(told: Mapping[str, Any], *, principal: bool) -> Iterator[tuple[str, list[str]]]:
    """All of them or the principal ones, the best bold."""
    ids = [job["id"] for job in told["jobs"]]
    for path, row in told["measures"].items():
        if not principal or is_principal(path):
            winners = told["best"].get(path, {"jobs": ()})["jobs"]
            cells = [_amount(value) for value in row]
            yield path, [f"**{cell}**" if job in winners else cell for cell, job in zip(cells, ids, strict=True)]


def _amount(value: Any) -> str:
    """The same of what was measured: whole numbers are grouped as the others are."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1e4:
        return f"{value:,}"
    return _short(value)


def _short(value: Any) -> str:
    """Four figures of a number; words as code, so that nothing in them is taken for markup."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _code(value if isinstance(value, str) else json.dumps(value))
    if isinstance(value, int):
        return str(value)
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}"


def _code(text: object) -> str:
    return "`" + str(text).replace("`", "'").replace("|", "\\|") + "`"


def _sparkline(values: Sequence[float], width: int = 16) -> str:
    finite = [value for value in values if isfinite(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    picked = [finite[len(finite) * place // width] for place in range(width)] if len(finite) > width else finite
    return "".join(BLOCKS[round((value - low) / (high - low or 1) * 7)] for value in picked)
