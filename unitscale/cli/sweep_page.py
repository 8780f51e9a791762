"""A sweep on one page: what its jobs set, how far they are, which is best."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from unitscale.cli import tables, wording
from unitscale.cli.plots import sparkline

if TYPE_CHECKING:
    from unitscale.client import Client
    from unitscale.models.campaigns import Counts
    from unitscale.models.jobs import Job
    from unitscale.models.sweeps import Sweep

MOST_ROWS = 200
CURVES = 24
"""Jobs whose loss is drawn, and characters that it takes."""


def page(client: "Client", sweep: "Sweep", lines: int) -> list[RenderableType]:
    """Its standing, then a line a job, the best first; those that have no result yet come last."""
    jobs = client.jobs(campaign=sweep.id, limit=MOST_ROWS).data
    ranked = sorted(jobs, key=lambda job: (*_rank(sweep, job), sweep.jobs.index(job.id)))
    return [standing(sweep), _table(client, sweep, ranked[: min(lines, MOST_ROWS)]), *_rest(sweep, lines)]


def listed(sweeps: "Iterable[Sweep]") -> Table:
    """One line a sweep."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("id", "name", "state", "jobs", "best", "with"):
        table.add_column(column, no_wrap=column == "id", overflow="fold")
    for sweep in sweeps:
        best = f"{sweep.objective.measure} {wording.number(sweep.best.value)}" if sweep.best else ""
        setting = wording.phrase(sweep.best.setting) if sweep.best else ""
        table.add_row(sweep.id, sweep.name or "", tables.state(sweep.state), counted(sweep.counts), best, setting)
    return table


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


def _table(client: "Client", sweep: "Sweep", jobs: "Sequence[Job]") -> Table:
    flat = {job.id: dict(wording.flat(job.spec.model_dump(mode="json"))) for job in jobs}
    paths = list(sweep.axes) or _differing(list(flat.values()))
    measure = sweep.objective.measure
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("job", *(path.rpartition(".")[2] for path in paths), "state", "step", measure, "val_loss so far"):
        table.add_column(column, no_wrap=column == "job", overflow="fold")
    drawn = {job.id for job in jobs[:CURVES]}
    for job in jobs:
        values = (wording.number(flat[job.id].get(path)) for path in paths)
        step = f"{job.progress.step}/{wording.number(job.progress.steps)}"
        curve = _curve(client, job) if job.id in drawn and job.progress.step else ""
        table.add_row(job.id, *values, tables.standing(job), step, _value(job, measure), curve)
    return table


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


def _value(job: "Job", measure: str) -> str:
    return wording.number(_measured(job, measure))


def _measured(job: "Job", name: str) -> float | None:
    from unitscale.models.measures import measure  # noqa: PLC0415  pydantic is not imported for --help

    return measure(job, name)


def _curve(client: "Client", job: "Job") -> str:
    curve = client.curves(job.id, ("val_loss",), max_points=CURVES).curves.get("val_loss")
    return sparkline(curve.value, CURVES) if curve else ""
