"""Answers that stand in contexts: found by another kind of model than those that are memorized."""

from unitscale.models.datasets import Dataset
from unitscale.models.offers import Offer
from unitscale.models.specs import JobSpec

SHORTEST = 8
"""Tokens of a question and its context."""


def filled(spec: JobSpec, uploaded: Dataset | None, offer: Offer) -> JobSpec:
    """With the defaults of a task whose answers stand in contexts, where they do."""
    task = offer.tasks.get(spec.task)
    if task is None or not _there(uploaded) or "with_context" not in task.defaults:
        return spec
    own, model, units, budget = task.defaults["with_context"], spec.model, spec.units, spec.budget
    model = model.model_copy(
        update={"kind": model.kind or own["model"], "context": model.context or own["context"]},
    )
    if units.learning_rate is None and spec.optimizer.name == "adamw":
        units = units.model_copy(update={"learning_rate": own["learning_rates"][units.parametrization.value]})
    if not (budget.epochs or budget.steps or budget.tokens):
        budget = budget.model_copy(update={"steps": own["steps"]})
    return spec.model_copy(update={"model": model, "units": units, "budget": budget})


def refusals(spec: JobSpec, uploaded: Dataset | None, offer: Offer) -> list[tuple[str, str]]:
    """What of the model does not fit the data: (JSON pointer, what would)."""
    defaults = offer.tasks[spec.task].defaults
    if "with_context" not in defaults:
        return []
    by_heart, finds, kind = defaults["model"], defaults["with_context"]["model"], offer.kind(spec)
    if _there(uploaded) and kind != finds:
        return [("/model/kind", f"The data set has contexts; choose {finds}, which finds the answers in them.")]
    if not _there(uploaded) and kind == finds:
        return [("/model/kind", f"The data set has no contexts to find answers in; choose {by_heart}.")]
    if kind == finds and (spec.model.context or SHORTEST) < SHORTEST:
        return [("/model/context", f"A question and its context need at least {SHORTEST} tokens.")]
    return []


def _there(uploaded: Dataset | None) -> bool:
    return uploaded is not None and uploaded.contents is not None and bool(uploaded.contents.with_context)
