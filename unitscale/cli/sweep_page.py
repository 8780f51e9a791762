"""A sweep on one page: what its jobs set, how far they are, which is best."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from unitscale.cli import tables, wording
from unitscale.cli.columns import Fitted, shortened, told
from unitscale.cli.plots import sparkline

if TYPE_CHECKING:
    from unitscale.client import Client
    from unitscale.models.campaigns import Counts
    from unitscale.models.jobs import Job
    from unitscale.models.sweeps import Sweep

MOST_ROWS = 200
CURVES, SPARKLINE = 24, 12
"""Jobs whose loss is drawn, and characters that it takes."""


def page(client: "Client", sweep: "Sweep", lines: int) -> list[RenderableType]:
    """Its standing, then a line a job, the best first; those that have no result yet come last."""
    places = {job: place for place, job in enumerate(sweep.jobs)}
    ranked = sorted(_all(client, sweep), key=lambda job: (*_rank(sweep, job), places.get(job.id, len(places))))
    return [standing(sweep), _table(client, sweep, ranked[: min(lines, MOST_ROWS)]), *_rest(sweep, lines)]


def _all(client: "Client", sweep: "Sweep") -> "Iterator[Job]":
    """Every job of it: the best may be on any page."""
    page = client.jobs(campaign=sweep.id, limit=MOST_ROWS)
    yield from page.data
    while page.next_cursor:
        page = client.jobs(campaign=sweep.id, limit=MOST_ROWS, cursor=page.next_cursor)
        yield from page.data


def listed(sweeps: "Iterable[Sweep]") -> Fitted:
    """One line a sweep."""
    rows = list(sweeps)
    best = [f"{each.objective.measure} {wording.number(each.best.value)}" if each.best else "" for each in rows]
    columns = [
        told("id", (each.id for each in rows)),
        told("name", (each.name or "" for each in rows), least=10),
        told("state", (tables.state(each.state) for each in rows)),
        told("jobs", (counted(each.counts) for each in rows), least=13),
        told("best", best),
        told("with", (_with(each.best.setting) if each.best else "" for each in rows), least=20),
    ]
    by_title = {column.title: column for column in columns}
    wanted = [by_title[title] for title in ("id", "best", "state", "name", "with", "jobs")]
    return Fitted(columns, wanted, "`unitscale show ID` has everything")


def _with(setting: Mapping[str, object]) -> str:
    titles = shortened(setting)
    return wording.phrase({titles[path]: value for path, value in setting.items()})


def standing(sweep: "Sweep") -> Table:
    """What every campaign says of itself, and the best so far."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("sweep", Text.assemble((sweep.id, "bold"), f"  {sweep.name or ''}"))
    grid.add_row("state", tables.state(sweep.state, "cancel asked" if sweep.wish else None))
    if sweep.reason:
        grid.add_row("reason", sweep.reason.message)
    grid.add_row("jobs", counted(sweep.counts))
    if sweep.best:
        value = f"{sweep.objective.measure} {wording.number(sweep.best.value)}"
        grid.add_row("best", f"{value} with {wording.phrase(sweep.best.setting)}  {sweep.best.job}")
    return grid


def counted(counts: "Counts") -> Text:
    """How many jobs stand where, each in its colour: 3 running, 13 queued."""
    parts = [(f"{count} {name}", wording.STYLES[name]) for name, count in counts.model_dump().items() if count]
    return Text(", ").join(Text(words, style=style) for words, style in parts) if parts else Text("none yet")


def _table(client: "Client", sweep: "Sweep", jobs: "Sequence[Job]") -> Fitted:
    """A line a job; its state where they differ in it."""
    flat = {job.id: dict(wording.flat(job.spec.model_dump(mode="json"))) for job in jobs}
    paths = list(sweep.axes) or _differing(list(flat.values()))
    titles = shortened(paths)
    drawn = {job.id for job in jobs[:CURVES]}
    curves = (_curve(client, job) if job.id in drawn and job.progress.step else "" for job in jobs)
    ids = told("job", (job.id for job in jobs))
    settings = [replace(told(path, (flat[job.id].get(path) for job in jobs)), title=titles[path]) for path in paths]
    states = [told("state", map(tables.standing, jobs))] if {job.state for job in jobs} != {"succeeded"} else []
    steps = told("step", (f"{job.progress.step}/{wording.number(job.progress.steps)}" for job in jobs))
    value = told(sweep.objective.measure, (_measured(job, sweep.objective.measure) for job in jobs))
    course = replace(told("val_loss so far", curves), title="so far")
    columns = [ids, *settings, *states, steps, value, course]
    wanted = [ids, value, *settings[:3], *states, course, steps, *settings]
    return Fitted(columns, wanted, f"`unitscale compare {sweep.id}` has more")


def _differing(flat: Sequence[dict[str, object]]) -> list[str]:
    """The fields in which jobs of a list of settings differ."""
    paths = dict.fromkeys(path for entry in flat for path in entry)
    return [path for path in paths if len({str(entry.get(path)) for entry in flat}) > 1]


def _rest(sweep: "Sweep", lines: int) -> list[RenderableType]:
    hidden = len(sweep.jobs) - min(lines, MOST_ROWS, len(sweep.jobs))
    return [Text(f"… and {hidden} more: unitscale ls --campaign {sweep.id}", style="dim")] if hidden else []


def _rank(sweep: "Sweep", job: "Job") -> tuple[bool, float, float]:
    value = _measured(job, sweep.objective.measure)
    return (value is None, sweep.objective.cost(value) if value is not None else 0.0, -job.progress.fraction)


def _measured(job: "Job", name: str) -> float | None:
    from unitscale.models.measures import measure  # noqa: PLC0415  pydantic is not imported for --help

    return measure(job, name)


def _curve(client: "Client", job: "Job") -> str:
    curve = client.curves(job.id, ("val_loss",), max_points=SPARKLINE).curves.get("val_loss")
    return sparkline(curve.value, SPARKLINE) if curve else ""
