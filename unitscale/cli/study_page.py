"""A study on one page: its standing, what it found, its trials."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from unitscale.cli import sweep_page, tables, wording
from unitscale.cli.plots import sparkline

if TYPE_CHECKING:
    from unitscale.client import Client
    from unitscale.models.measures import Objective
    from unitscale.models.studies import Iteration, Study, Trial

SPARKLINE = 40


def page(client: "Client", study: "Study", lines: int) -> list[RenderableType]:  # noqa: ARG001  other kinds ask for more
    """Its standing, then a line a trial, the last ones where there is no room for all."""
    rows = [(each, trial) for each in study.iterations for trial in each.trials]
    hidden = len(rows) - min(lines, len(rows))
    earlier = [Text(f"… {hidden} earlier trials", style="dim")] if hidden else []
    return [_standing(study), *earlier, _trials(study, rows[hidden:]), *_front(study)]


def listed(studies: "Iterable[Study]") -> Table:
    """One line a study."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("id", "name", "state", "trials", "objective", "best", "with"):
        table.add_column(column, no_wrap=column == "id", overflow="fold")
    for study in studies:
        trials = sum(len(each.trials) for each in study.iterations)
        best, objective = study.winner or study.best, ", ".join(map(_way, study.objectives))
        value = _values(study, best.values) if best else wording.number(None)
        units = wording.phrase(best.units) if best else ""
        table.add_row(study.id, study.name or "", tables.state(study.state), str(trials), objective, value, units)
    return table


def _standing(study: "Study") -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("study", Text.assemble((study.id, "bold"), f"  {study.name or ''}"))
    grid.add_row("state", tables.state(study.state, "cancel asked" if study.wish else None))
    if study.reason:
        grid.add_row("reason", study.reason.message)
    grid.add_row("objective", ", ".join(map(_way, study.objectives)))
    grid.add_row("jobs", sweep_page.counted(study.counts))
    if study.iterations and study.state == "running":
        grid.add_row("now", study.iterations[-1].why)
    if course := _course(study):
        grid.add_row("best so far", f"{sparkline(course, SPARKLINE)} {wording.number(course[-1])}")
    if study.summary:
        grid.add_row("found", study.summary)
    if study.importances:
        shares = sorted(study.importances.items(), key=lambda entry: -entry[1])
        grid.add_row("what matters", " · ".join(f"{unit} {share:.0%}" for unit, share in shares))
    return grid


def _course(study: "Study") -> list[float]:
    """The best value of a single objective after each trial of the search."""
    if len(study.objectives) != 1:
        return []
    (objective,) = study.objectives
    found: list[float] = []
    for trial in (trial for each in study.iterations for trial in each.trials if trial.again is None):
        value = trial.values.get(objective.measure) if trial.feasible else None
        if value is not None:
            found.append(min([value, *found[-1:]], key=objective.cost))
    return found


def _trials(study: "Study", rows: "Sequence[tuple[Iteration, Trial]]") -> Table:
    units = list(dict.fromkeys(unit for _, trial in rows for unit in trial.units))
    measures = list(dict.fromkeys(name for _, trial in rows for name in trial.values))
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("trial", "asked by", *units, "state", *measures, ""):
        table.add_column(column, no_wrap=column == "trial", overflow="fold")
    won = {shown.place for shown in (study.winner, study.best) if shown}
    for iteration, trial in rows:
        style = "bold green" if trial.place in won else "" if trial.feasible is not False else "dim"
        words = (wording.number(trial.units.get(unit)) for unit in units)
        values = (wording.number(trial.values.get(name)) for name in measures)
        state = "pruned" if trial.pruned else trial.state.value
        asked_by = iteration.asked_by if trial.again is None else f"again: {trial.again}"
        table.add_row(
            str(trial.place), asked_by, *words, tables.state(state), *values, Text(trial.note or ""), style=style
        )
    return table


def _front(study: "Study") -> list[RenderableType]:
    if not study.front:
        return []
    table = Table(title="Front: none beats these in both", title_justify="left", box=None, pad_edge=False)
    for column in ("trial", *(each.measure for each in study.objectives), "with"):
        table.add_column(column, overflow="fold")
    for each in study.front:
        values = (wording.number(each.values.get(objective.measure)) for objective in study.objectives)
        table.add_row(str(each.place), *values, wording.phrase(each.units))
    return [table]


def _values(study: "Study", values: "dict[str, float | None]") -> str:
    return ", ".join(wording.number(values.get(each.measure)) for each in study.objectives)


def _way(objective: "Objective") -> str:

    return f"minimize {objective.minimize}" if objective.minimize else f"maximize {objective.maximize}"
