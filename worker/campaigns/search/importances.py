"""How much of the difference between trials each unit makes."""

from collections.abc import Sequence

from unitscale.models.studies import StudySpec, Trial
from worker.campaigns.search.asking import rebuilt

LEAST_TRIALS, MOST_TRIALS = 8, 200
TREES, DEPTH = 16, 6
"""Their cost grows with the leaves: so many tell what matters within seconds, whatever the study's size."""


def of(study: StudySpec, searched: Sequence[Trial]) -> dict[str, float]:
    """Shares of the variance of the (first) objective, by a forest of trees over the trials; none where there are too
    few trials to tell. Source: functional ANOVA, Hutter et al. 2014."""
    measure = study.objectives[0].measure
    measured = [trial for trial in searched if trial.values.get(measure) is not None and trial.comparable]
    measured = measured[:: len(measured) // MOST_TRIALS + 1]
    if len(measured) < LEAST_TRIALS or any(trial.units.keys() != study.units.keys() for trial in measured):
        return {}
    if len({trial.values[measure] for trial in measured}) == 1:
        return {}
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances  # noqa: PLC0415  loads scikit-learn

    evaluator = FanovaImportanceEvaluator(n_trees=TREES, max_depth=DEPTH, seed=study.seed)
    optuna_study = rebuilt(study, measured)[0]
    found = get_param_importances(optuna_study, evaluator=evaluator, target=lambda trial: trial.values[0])
    return {unit: round(share, 4) for unit, share in found.items()}
