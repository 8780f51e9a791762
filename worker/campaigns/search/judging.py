"""What came of trials: which count, which are better, and what stands between two objectives."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import median

from unitscale.models.jobs import ENDED, Job
from unitscale.models.measures import measure
from unitscale.models.ranking import costs, front_of, order
from unitscale.models.studies import Candidate, StudySpec, Trial, TrialState, state_of
from worker.campaigns.search.sameness import run_of


def settled(study: StudySpec, trial: Trial, job: Job | None, hardware: str | None) -> Trial:
    """The trial with what came of its job, which has ended, or is gone; `hardware` is what times are compared on."""
    if job is None:
        return trial.model_copy(
            update={"state": TrialState.CANCELLED, "feasible": False, "note": "Its job was deleted."}
        )
    values = {name: measure(job, name) for name in study.measures}
    comparable = hardware in (None, job.hardware)
    ended = trial.model_copy(
        update={
            "state": state_of(job.state),
            "values": values if job.result else {},
            "hardware": job.hardware,
            "comparable": comparable,
            "pruned": job.reason is not None and job.reason.code == "pruned",
        }
    )
    note = _note(study, ended, job)
    return ended.model_copy(update={"feasible": note is None, "note": note})


def _note(study: StudySpec, trial: Trial, job: Job) -> str | None:
    if job.state not in ENDED or trial.state is not TrialState.SUCCEEDED:
        return job.reason.message if job.reason else f"Its job was {job.state.value}."
    if not trial.comparable:
        return f"It ran on {trial.hardware}: its times cannot be compared with the first trial's."
    missing = [name for name in study.measures if trial.values.get(name) is None]
    if missing:
        return f"Its result has no {', '.join(missing)}."
    broken = [each.measure for each in study.subject_to if each.excess(trial.values[each.measure] or 0.0) > 0]
    return f"It breaks the constraint on {', '.join(broken)}." if broken else None


def candidates(study: StudySpec, trials: Sequence[Trial]) -> list[Candidate]:
    """The choices of units that count, each once, the best first: by the medians of their runs with fresh seeds, where
    there are such, else by the one run."""
    again = {trial.again for trial in trials}
    runs = {place: [trial for trial in trials if trial.again == place] for place in again if place is not None}
    found = [_candidate(study, first, runs.get(first.place, ())) for first in _firsts(study, trials, runs)]
    counting = [each for each in found if _counts(study, each)]
    return [counting[place] for place in order([costs(study.objectives, each.values) for each in counting])]


def _firsts(study: StudySpec, trials: Sequence[Trial], again: Collection[int]) -> Iterable[Trial]:
    """Of each run that counts the first trial, or the one that was run again."""
    counting = [trial for trial in trials if trial.again is None and trial.feasible]
    firsts = dict[str, Trial]()
    for trial in sorted(counting, key=lambda trial: trial.place not in again):
        firsts.setdefault(run_of(study, trial.units), trial)
    return firsts.values()


def front(study: StudySpec, found: Sequence[Candidate]) -> list[Candidate]:
    """Of two objectives the candidates that no other beats in both, along the first one."""
    layer = front_of([costs(study.objectives, each.values) for each in found])
    return sorted((found[place] for place in layer), key=lambda each: costs(study.objectives, each.values))


def _candidate(study: StudySpec, first: Trial, runs: Sequence[Trial]) -> Candidate:
    ended = [run for run in runs if run.comparable and run.state in (TrialState.SUCCEEDED, TrialState.FAILED)]
    if not ended or not all(run.settled for run in runs):
        return Candidate(place=first.place, job=first.job, units=first.units, values=first.values)
    measured = [{name: run.values.get(name) for name in study.measures} for run in ended]
    middle = sorted(ended, key=lambda run: costs(study.objectives, run.values))[(len(ended) - 1) // 2]
    return Candidate(
        place=first.place,
        job=middle.job,
        units=first.units,
        values=medians(measured),
        runs=len(ended),
        confirmed=True,
        spread=_spread(measured) if len(ended) > 1 else {},
    )


def medians(runs: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Of each measure. None where a run has none: units under which one in three fails are not to be recommended."""
    return {name: median(values) if len(values) == len(runs) else None for name, values in _known(runs).items()}


def _spread(runs: Sequence[Mapping[str, float | None]]) -> dict[str, tuple[float, float]]:
    """Of each measure that every run has, the lowest and the highest."""
    return {name: (min(values), max(values)) for name, values in _known(runs).items() if len(values) == len(runs)}


def _known(runs: Sequence[Mapping[str, float | None]]) -> dict[str, list[float]]:
    return {name: [value for run in runs if (value := run.get(name)) is not None] for name in (runs or [{}])[0]}


def _counts(study: StudySpec, candidate: Candidate) -> bool:
    if any(candidate.values.get(name) is None for name in study.measures):
        return False
    return all(each.excess(candidate.values[each.measure] or 0.0) <= 0 for each in study.subject_to)
