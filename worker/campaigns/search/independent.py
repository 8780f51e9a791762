"""The independent search, as u-μP has it: the learning rate first, then each other unit alone, then all together.

Source: arXiv:2407.17465.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unitscale.models.ranking import ranked
from unitscale.models.studies import StudySpec, Trial
from unitscale.models.trials import swept
from worker.campaigns.search.sameness import Tried


@dataclass(frozen=True)
class Asked:
    """Units to try, and why these."""

    units: list[dict[str, Any]]
    why: str


def ask(study: StudySpec, searched: Sequence[Trial], count: int) -> Asked:
    """The next of its three stages; a stage begins when the one before has ended."""
    (first, values), *others = swept(study).items()
    stage = _distinct(study, [{first: value} for value in values])
    before, beyond = list(searched[: len(stage)]), list(searched[len(stage) :])
    if len(before) < len(stage):
        return _next(stage, before, count, f"Stage 1 of 3: {first} alone.")
    found = next(iter(ranked(study.objectives, before)), None)
    if found is None or not others or not _settled(before):
        return Asked([], f"Stage 1 of 3 has ended: {first} alone.")
    rate = {first: found.units[first]}
    alone = _distinct(study, [rate | {unit: value} for unit, values in others for value in values], rate)
    if len(beyond) < len(alone):
        return _next(alone, beyond, count, f"Stage 2 of 3: each other unit alone, at the best {first}.")
    together = rate | {unit: value for unit, _ in others for value in _better(study, found, beyond, unit)}
    if len(beyond) > len(alone) or not _settled(beyond):
        return Asked([], "Stage 2 of 3 has ended: each other unit alone.")
    tried = Tried(study, (trial.units for trial in searched))
    return Asked(tried.new([together], 1), "Stage 3 of 3: the best value of each unit together.")


def _distinct(study: StudySpec, stage: list[dict[str, Any]], *tried: dict[str, Any]) -> list[dict[str, Any]]:
    """Each run once, and none that was made in the stage before: the base's own value stands there already."""
    return Tried(study, tried).new(stage, len(stage))


def _next(stage: list[dict[str, Any]], tried: Sequence[Trial], count: int, why: str) -> Asked:
    return Asked(stage[len(tried) : len(tried) + count], why)


def _settled(trials: Sequence[Trial]) -> bool:
    return all(trial.settled for trial in trials)


def _better(study: StudySpec, found: Trial, trials: Sequence[Trial], unit: str) -> list[Any]:
    """The best value of a unit, where any does better than leaving the unit as the base has it."""
    best = ranked(study.objectives, [found, *(trial for trial in trials if unit in trial.units)])[0]
    return [best.units[unit]] if unit in best.units else []
