"""How much of the difference between trials each unit makes."""

from collections.abc import Sequence
from typing import Any

from unitscale.models.spaces import Choices, Space, path_of
from unitscale.models.studies import StudySpec, Trial
from unitscale.models.trials import spec_of
from worker.campaigns.search.asking import rebuilt
from worker.campaigns.search.sameness import filled

LEAST_TRIALS, MOST_TRIALS = 8, 200
TREES, DEPTH = 16, 6
"""Their cost grows with the leaves: so many tell what matters within half a second, whatever the study's size."""


def of(study: StudySpec, searched: Sequence[Trial]) -> dict[str, float]:
    """Shares of the variance of the (first) objective, by a forest of trees over the trials; none where there are too
    few trials to tell. Source: functional ANOVA, Hutter et al. 2014."""
    measure = study.objectives[0].measure
    measured = [trial for trial in searched if trial.values.get(measure) is not None and trial.comparable]
    measured = measured[:: len(measured) // MOST_TRIALS + 1]
    if len(measured) < LEAST_TRIALS or len({trial.values[measure] for trial in measured}) == 1:
        return {}
    study, measured = _completed(study, measured)
    if any(trial.units.keys() != study.units.keys() for trial in measured):
        return {}
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances  # noqa: PLC0415  loads scikit-learn

    evaluator = FanovaImportanceEvaluator(n_trees=TREES, max_depth=DEPTH, seed=study.seed)
    optuna_study = rebuilt(study, measured)[0]
    found = get_param_importances(optuna_study, evaluator=evaluator, target=lambda trial: trial.values[0])
    return {unit: round(float(share), 4) for unit, share in found.items()}


def _completed(study: StudySpec, trials: Sequence[Trial]) -> tuple[StudySpec, list[Trial]]:
    """Units that a trial leaves as the base has them are said, and lie in what is searched, which is widened where the
    base lies outside. Those of which that cannot be said, such as no number for a range, stay out."""
    missing = {unit for unit in study.units for trial in trials if unit not in trial.units}
    base = filled(spec_of(study, {}, study.base.seed))
    usual = {unit: _at(base, path_of(unit)) for unit in missing}
    wide = {unit: space for unit in missing if (space := _with(study.spaces[unit], usual[unit]))}
    said = {unit: usual[unit] for unit in wide}
    completed = [trial.model_copy(update={"units": said | trial.units}) for trial in trials]
    return study.model_copy(update={"units": study.spaces | wide}), completed


def _at(spec: Any, path: str) -> Any:
    for part in path.split("."):
        spec = getattr(spec, part, None)
    return spec


def _with(space: Space, value: Any) -> Space | None:
    """What is searched and this value; None where they are not of one kind."""
    if isinstance(space, Choices):
        return space if value in space.choices else Choices(choices=(*space.choices, value))
    if not isinstance(value, (int, float)) or isinstance(value, bool) or (space.scale == "log" and value <= 0):
        return None
    if space.low <= value <= space.high:
        return space
    return space.model_copy(update={"low": min(space.low, value), "high": max(space.high, value), "step": None})
