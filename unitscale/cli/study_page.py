"""A study on one page: its standing, what it found, its trials."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from unitscale.cli import sweep_page, tables, wording
from unitscale.cli.columns import Column, Fitted, shortened, told
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
    table = [_trials(study, rows[hidden:])] if rows else []
    earlier = [Text(f"… {hidden} earlier trials", style="dim")] if hidden else []
    return [_standing(study), *earlier, *table, *_notes(rows[hidden:]), *_front(study)]


def listed(studies: "Iterable[Study]") -> Fitted:
    """One line a study."""
    rows = list(studies)
    best = [study.winner or study.best for study in rows]
    pairs = list(zip(rows, best, strict=True))
    columns = [
        told("id", (study.id for study in rows)),
        told("name", (study.name or "" for study in rows), least=10),
        told("state", (tables.state(study.state) for study in rows)),
        told("trials", (sum(trial.again is None for trial in _of(study)) for study in rows), right=True),
        told("objective", (", ".join(map(_way, study.objectives)) for study in rows)),
        told("best", (_values(study, found.values) if found else None for study, found in pairs)),
        told("with", (wording.phrase(found.units) if found else "" for found in best), least=32),
    ]
    by_title = {column.title: column for column in columns}
    wanted = [by_title[title] for title in ("id", "state", "best", "name", "trials", "objective", "with")]
    return Fitted(columns, wanted, "`unitscale show ID` has everything")


def _of(study: "Study") -> "list[Trial]":
    return [trial for each in study.iterations for trial in each.trials]


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
    for trial in (trial for trial in _of(study) if trial.again is None):
        value = trial.values.get(objective.measure) if trial.feasible else None
        if value is not None:
            found.append(min([value, *found[-1:]], key=objective.cost))
    return found


def _trials(study: "Study", rows: "Sequence[tuple[Iteration, Trial]]") -> Fitted:
    """A line a trial; its state where they differ in it."""
    trials = [trial for _, trial in rows]
    searched = list(dict.fromkeys(unit for trial in trials for unit in trial.units))
    named = list(dict.fromkeys(name for trial in trials for name in trial.values))
    short = shortened([*searched, *named])
    units = [_column(unit, short, [trial.units.get(unit) for trial in trials]) for unit in searched]
    measures = [_column(name, short, [trial.values.get(name) for trial in trials]) for name in named]
    asked_by = told("asked by", (_asked_by(each, trial) for each, trial in rows))
    states = [told("state", map(_state, trials))] if {_state(trial).plain for trial in trials} != {"succeeded"} else []
    place, aims = told("trial", (trial.place for trial in trials)), len(study.objectives)
    columns = [place, asked_by, *units, *states, *measures]
    wanted = [place, *measures[:aims], *states, *units[:3], asked_by, *units, *measures]
    return Fitted(columns, wanted, "--json has everything", [_style(study, trial) for trial in trials])


def _column(path: str, titles: Mapping[str, str], values: Iterable[object]) -> Column:
    return replace(told(path, values), title=titles[path])


def _asked_by(iteration: "Iteration", trial: "Trial") -> str:
    return iteration.asked_by if trial.again is None else f"again: {trial.again}"


def _state(trial: "Trial") -> Text:
    return tables.state("pruned" if trial.pruned else trial.state.value)


def _style(study: "Study", trial: "Trial") -> str:
    if trial.place in {shown.place for shown in (study.winner, study.best) if shown}:
        return "bold green"
    return "dim" if trial.feasible is False else ""


def _notes(rows: "Sequence[tuple[Iteration, Trial]]") -> list[Text]:
    """Why trials do not count, each reason once."""
    said: dict[str, list[str]] = {}
    for _, trial in rows:
        if trial.note:
            said.setdefault(trial.note, []).append(str(trial.place))
    return (
        [Text("\n".join(f"{', '.join(places)}: {note}" for note, places in said.items()), style="dim")] if said else []
    )


def _front(study: "Study") -> list[RenderableType]:
    if not study.front:
        return []
    table = Table(title="Front: none beats these in both", title_justify="left", box=None, pad_edge=False)
    for column in ("trial", "runs", *(each.measure for each in study.objectives), "with"):
        table.add_column(column, overflow="fold")
    for each in study.front:
        values = (wording.number(each.values.get(objective.measure)) for objective in study.objectives)
        table.add_row(str(each.place), str(each.runs), *values, wording.phrase(each.units))
    return [table]


def _values(study: "Study", values: "dict[str, float | None]") -> str:
    return ", ".join(wording.number(values.get(each.measure)) for each in study.objectives)


def _way(objective: "Objective") -> str:

    return f"minimize {objective.minimize}" if objective.minimize else f"maximize {objective.maximize}"
