"""The independent search, as u-μP has it: the learning rate first, then each other unit alone, then all together.

Source: arXiv:2407.17465.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unitscale.models.studies import StudySpec, Trial
from unitscale.models.trials import swept
from worker.campaigns.search.judging import ranked


@dataclass(frozen=True)
class Asked:
    """Units to try, and why these."""

    units: list[dict[str, Any]]
    why: str


def ask(study: StudySpec, searched: Sequence[Trial], count: int) -> Asked:
    """The next of its three stages; a stage begins when the one before has ended."""
    (first, values), *others = swept(study).items()
    stage = [{first: value} for value in values]
    before, beyond = list(searched[: len(stage)]), list(searched[len(stage) :])
    if len(before) < len(stage):
        return _next(stage, before, count, f"Stage 1 of 3: {first} alone.")
    found = next(iter(ranked(study, before)), None)
    if found is None or not others or not _settled(before):
        return Asked([], f"Stage 1 of 3 has ended: {first} alone.")
    rate = {first: found.units[first]}
    alone = [rate | {unit: value} for unit, values in others for value in values]
    if len(beyond) < len(alone):
        return _next(alone, beyond, count, f"Stage 2 of 3: each other unit alone, at the best {first}.")
    together = rate | {unit: value for unit, _ in others for value in _better(study, found, beyond, unit)}
    tried = [trial.units for trial in searched]
    if len(beyond) > len(alone) or together in tried or not _settled(beyond):
        return Asked([], "Stage 2 of 3 has ended: each other unit alone.")
    return Asked([together], "Stage 3 of 3: the best value of each unit together.")


def _next(stage: list[dict[str, Any]], tried: Sequence[Trial], count: int, why: str) -> Asked:
    return Asked(stage[len(tried) : len(tried) + count], why)


def _settled(trials: Sequence[Trial]) -> bool:
    return all(trial.settled for trial in trials)


def _better(study: StudySpec, found: Trial, trials: Sequence[Trial], unit: str) -> list[Any]:
    """The best value of a unit, where any does better than leaving the unit as the base has it."""
    best = ranked(study, [found, *(trial for trial in trials if unit in trial.units)])[0]
    return [best.units[unit]] if unit in best.units else []
