"""Jobs side by side on a terminal: jobs across where there are few, a line a job where there are many."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from unitscale.cli import wording
from unitscale.cli.columns import GAP, Column, bare_table, fitting, no_room, shortened
from unitscale.cli.plots import sparklines

if TYPE_CHECKING:
    from unitscale.models.comparisons import Compared, Comparison, Reached

JOBS_ACROSS = 6
SPARKLINE, SHORT_SPARKLINE = 16, 10
WIDE = 100
BEST = "★"
TITLES = {"step": "at step", "seconds": "after s", "examples": "examples", "tokens": "tokens"}


def page(compared: "Comparison", width: int) -> list[RenderableType]:
    """Fields that differ, measures, the race to a loss, curves; then what a reader should know."""
    drawn = _across(compared, width) if len(compared.jobs) <= JOBS_ACROSS else _down(compared, width)
    return [*drawn, *(Text(remark, style="yellow") for remark in compared.remarks)]


def _across(compared: "Comparison", width: int) -> list[RenderableType]:
    """A list of the jobs, then a column for each; where the terminal is too narrow for all, in several tables."""
    legend = bare_table("", "id", "state", "name", *compared.curves)
    curves = [sparklines([laid.value for laid in drawn.jobs], SPARKLINE) for drawn in compared.curves.values()]
    for place, job in enumerate(compared.jobs):
        legend.add_row(str(place + 1), job.id, _state(job), job.name or "", *(lines[place] for lines in curves))
    sections = [section for section in (_fields(compared), _measures(compared), _race(compared)) if section]
    if not sections:
        return [legend]
    rows = [row for section in sections for row in section]
    widths = [GAP + max(row.cells[place].cell_len for row in rows) for place in range(len(compared.jobs))]
    parts = _fitting(widths, width + GAP - max(len(row.path) + GAP for row in rows))
    return [legend, *(_side_by_side(sections, part) for part in parts)]


def _side_by_side(sections: Sequence[Sequence[Column]], places: Sequence[int]) -> Table:
    """The rows of these sections, of some of the jobs."""
    table = bare_table("", *(str(place + 1) for place in places))
    for column in table.columns[1:]:
        column.justify = "right"
    for section in sections:
        for row in section:
            table.add_row(row.path, *(row.cells[place] for place in places))
        table.add_section()
    return table


def _fitting(widths: Sequence[int], room: int) -> list[list[int]]:
    """Places in order, as many at a time as there is room for, and one at the least."""
    parts: list[list[int]] = [[]]
    for place, taken in enumerate(widths):
        if parts[-1] and sum(widths[other] for other in parts[-1]) + taken > room:
            parts.append([])
        parts[-1].append(place)
    return parts


def _down(compared: "Comparison", width: int) -> list[RenderableType]:
    """A line a job, as many columns as there is room for, and the names of the others."""
    fields, measures, race, curves = _fields(compared), _measures(compared), _race(compared), _curves(compared, width)
    ids, names, states = _heads(compared)
    told = [ids, *names, *states, *fields, *measures, *race, *curves]
    first = [ids, *measures[:1], *fields[:2], *states, *race[:1], *curves[:1], *names]
    wanted = [*first, *race, *measures, *fields, *curves]
    kept = fitting(wanted, width)
    shown = [column for column in told if column.path in kept]
    table = bare_table(*(column.title for column in shown))
    for column, made in zip(shown, table.columns, strict=True):
        made.justify = "right" if column in measures or column in race else "left"
    for cells in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*cells)
    missing = [column.path for column in told if column.path not in kept]
    return [table, *_legend(compared.to_loss), *([no_room(missing, "--csv has everything")] if missing else [])]


def _heads(compared: "Comparison") -> tuple[Column, list[Column], list[Column]]:
    """The ids; names and states, where they tell jobs apart."""
    ids = Column("id", "id", [Text(job.id) for job in compared.jobs])
    names = Column("name", "name", [Text(job.name or "") for job in compared.jobs])
    states = Column("state", "state", [_state(job) for job in compared.jobs])
    ended_well = all(job.state == "succeeded" for job in compared.jobs)
    return ids, [names] if "name" in compared.fields else [], [] if ended_well else [states]


def _fields(compared: "Comparison") -> list[Column]:
    rows = {path: row for path, row in compared.fields.items() if path != "name"}
    titles = shortened(rows)
    return [_plain(path, titles[path], row) for path, row in rows.items()]


def _measures(compared: "Comparison") -> list[Column]:
    """Where there are many jobs, the principal ones; of a job without a result, the latest loss stands in its place."""
    from unitscale.models.comparisons import is_principal  # noqa: PLC0415  pydantic loads slowly

    many = len(compared.jobs) > JOBS_ACROSS
    rows = {path: row for path, row in compared.measures.items() if not many or is_principal(path)}
    rows = {"val_loss": (None,) * len(compared.jobs), **rows}
    titles = shortened(rows)
    columns = [Column(path, titles[path], _marked(compared, path, row)) for path, row in rows.items()]
    return [column for column in columns if _says(column)]


def _marked(compared: "Comparison", path: str, row: Sequence[float | None]) -> list[Text]:
    best = compared.best.get(path)
    winners = best.jobs if best else ()
    return [
        Text(f"{BEST} {wording.amount(value)}", style="bold green") if job.id in winners else _value(job, path, value)
        for job, value in zip(compared.jobs, row, strict=True)
    ]


def _value(job: "Compared", path: str, value: float | None) -> Text:
    latest = job.latest.get(path) if value is None else None
    return Text(wording.amount(value)) if latest is None else Text(f"{wording.number(latest)}…", style="dim")


def _race(compared: "Comparison") -> list[Column]:
    race = compared.to_loss
    if race is None:
        return []
    goal = _goal(race)
    needed = {"step": race.step, "seconds": race.seconds, "examples": race.examples, "tokens": race.tokens}
    faster = [None if value is None else f"{value:.2f}×" for value in race.speed_up["seconds"]]
    columns = [
        *(_plain(f"{cost} of {goal}", TITLES[cost], row) for cost, row in needed.items()),
        _plain(f"speed-up to {goal}", "speed-up", faster),
    ]
    return [columns[0], *(column for column in columns[1:] if _says(column))]


def _plain(path: str, title: str, row: Iterable[object]) -> Column:
    return Column(path, title, [Text(wording.number(value)) for value in row])


def _says(column: Column) -> bool:
    return any(cell.plain != wording.number(None) for cell in column.cells)


def _goal(race: "Reached") -> str:
    return f"{'smoothed ' if race.smoothing else ''}{race.of} ≤ {wording.number(race.loss)}"


def _legend(race: "Reached | None") -> list[Text]:
    """What the columns of a race are about."""
    said = f"{TITLES['step']}, {TITLES['seconds']}, …: when {{}} came first; speed-up over the first job."
    return [Text(said.format(_goal(race)))] if race else []


def _curves(compared: "Comparison", width: int) -> list[Column]:
    room = SPARKLINE if width >= WIDE else SHORT_SPARKLINE
    return [
        Column(f"curve {key}", key, [Text(line) for line in sparklines([laid.value for laid in drawn.jobs], room)])
        for key, drawn in compared.curves.items()
    ]


def _state(job: "Compared") -> Text:
    """A state in its colour, with why it failed or how far it has come."""
    note = job.reason.code if job.reason else None
    if note is None and job.state not in ("succeeded", "failed") and job.progress.step:
        note = f"{job.progress.fraction:.0%}"
    return Text(f"{job.state} ({note})" if note else job.state, style=wording.STYLES.get(job.state, ""))
