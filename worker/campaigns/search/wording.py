"""A study's standing in words that need no knowledge of samplers."""

from collections.abc import Mapping
from typing import Any

from unitscale.models.ends import ends_of
from unitscale.models.spoken import spoken
from unitscale.models.studies import Candidate, Limit, Progress, StudySpec


def summary(study: StudySpec, progress: Progress) -> str:
    """What was found so far, or at the end."""
    trials = progress.trials
    searched = [trial for trial in trials if trial.again is None]
    counting = sum(trial.feasible is True for trial in searched)
    ended = sum(trial.settled for trial in searched)
    said = [f"{ended} of at most {study.budget.trials} trials have ended, {counting} of them count."]
    shown = progress.winner or progress.best
    if shown is None:
        return said[0]
    said.append(f"{_called(progress)} {_units(shown.units)}: {_values(study, shown)}.")
    if progress.winner:
        said += _confirmed(study, progress.winner, progress.runner_up)
    return " ".join(said)


def _called(progress: Progress) -> str:
    return "Recommended is" if progress.winner else "The best so far is"


def _confirmed(study: StudySpec, winner: Candidate, runner_up: Candidate | None) -> list[str]:
    sure = "No other run confirms it." if not winner.confirmed else _runs(study, winner)
    close = [_close(study, runner_up)] if runner_up and winner.covers(runner_up, study.objectives) else []
    reached = [] if study.target is None else [_target(study, study.target, winner)]
    test = [f"On the test split: {_list(winner.test_metrics)}."] if winner.test_metrics else []
    return [sure, *close, *reached, *_ends(study, winner), *test]


def _ends(study: StudySpec, winner: Candidate) -> list[str]:
    """Units whose value is the last one that was searched."""
    found = [f"{unit} lies at the {end} end of its range" for unit, end in ends_of(study, winner.units).items()]
    return [f"{', '.join(found)}: search further."] if found else []


def _runs(study: StudySpec, winner: Candidate) -> str:
    if winner.runs == 1:
        return "This is what another run with a fresh seed gave."
    known = [(name, ends) for each in study.objectives if (ends := winner.spread.get(name := each.measure))]
    spread = " and ".join(f"{name} from {low:.4g} to {high:.4g}" for name, (low, high) in known)
    return f"These are medians of {winner.runs} runs with fresh seeds{f', which gave {spread}' if spread else ''}."


def _close(study: StudySpec, runner_up: Candidate) -> str:
    medians = _list({each.measure: runner_up.values.get(each.measure) for each in study.objectives})
    return (
        f"The runner-up, {_units(runner_up.units)}, is not distinguishable from it: its median, {medians}, lies within."
    )


def _target(study: StudySpec, target: Limit, winner: Candidate) -> str:
    value = winner.values.get(study.objectives[0].measure)
    wanted = f"at most {target.at_most:.6g}" if target.at_most is not None else f"at least {target.at_least:.6g}"
    reached = value is not None and target.excess(value) <= 0
    return f"The target, {wanted}, was {'reached' if reached else 'not reached'}."


def _values(study: StudySpec, candidate: Candidate) -> str:
    return _list({name: candidate.values.get(name) for name in study.measures})


def _units(units: Mapping[str, Any]) -> str:
    return ", ".join(f"{unit} {spoken(value)}" for unit, value in units.items())


def _list(values: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {'–' if value is None else format(value, '.4g')}" for name, value in values.items())
