"""Measures, units and values in words for readers who train no models."""

from collections.abc import Mapping, Sequence
from typing import Any

from unitscale.models.measures import Objective
from unitscale.models.spaces import Choices, Space
from unitscale.models.spoken import spoken
from unitscale.models.studies import Candidate, Constraint, Limit

MEASURES = {
    "val_loss": "validation loss",
    "train_loss": "training loss",
    "training_seconds": "training time (s)",
    "evaluation_seconds": "evaluation time (s)",
    "price": "price of training",
    "parameters": "size (parameters)",
    "peak_memory_bytes": "memory while training (bytes)",
    "deployment.bytes": "size of the deployed model (bytes)",
    "deployment.latency_ms": "time of one answer (ms)",
    "metrics.r2": "R² (1 is perfect)",
    "metrics.mae": "mean absolute error",
    "metrics.bits_per_character": "bits per character",
    "metrics.cer": "share of wrong characters",
    "metrics.wer": "share of wrong words",
}
MEANINGS = {
    "learning_rate": "how large a step training takes each time",
    "batch_size": "how many examples it looks at before each step",
    "precision": "the number format it calculates in",
    "parametrization": "how step sizes and starting weights follow from the model's size",
    "optimizer.weight_decay": "how strongly large weights are held down",
    "optimizer.momentum": "how much of the last steps each step keeps",
    "optimizer.name": "the rule by which steps are taken",
    "model.width": "how wide the model's layers are",
    "model.depth": "how many layers the model has",
    "model.channels": "how many features the first layer looks for",
    "model.kind": "the kind of model",
    "schedule.name": "how the step size changes while training",
    "schedule.warmup_steps": "for how many steps training starts gently",
}


def measure(name: str) -> str:
    """A measure's name as people say it: `metrics.accuracy` is accuracy."""
    if name in MEASURES:
        return MEASURES[name]
    return name.removeprefix("metrics.").replace("deployment.", "deployed: ").replace("_", " ")


def tested(metric: str) -> str:
    """A metric of the test split."""
    return measure(f"metrics.{metric}")


def meaning(unit: str) -> str:
    """What a unit does, where that can be said in a line."""
    return MEANINGS.get(unit.removeprefix("units."), "")


def number(value: Any) -> str:
    """Four figures of a fraction, every figure of a whole number."""
    if value is None:
        return "–"
    if isinstance(value, float) and (not value.is_integer() or abs(value) >= 1e15):
        return f"{value:,.4g}"
    return f"{int(value):,}" if isinstance(value, (int, float)) and not isinstance(value, bool) else spoken(value)


def choice(units: Mapping[str, Any]) -> str:
    """Units on one line."""
    return ", ".join(f"{unit} {number(value)}" for unit, value in units.items())


def runs(candidate: Candidate) -> str:
    """What its figures are of."""
    if candidate.confirmed:
        return f"medians of {candidate.runs} further runs" if candidate.runs > 1 else "of a further run"
    return "of a single run"


def spread(ends: tuple[float, float]) -> str:
    """From the lowest to the highest."""
    return f"from {number(ends[0])} to {number(ends[1])}"


def space(searched: Space) -> str:
    """What was searched."""
    if isinstance(searched, Choices):
        return "one of " + ", ".join(map(number, searched.choices))
    step = "" if searched.step is None else f", step {number(searched.step)}"
    return f"{number(searched.low)} to {number(searched.high)}{step}"


def aim(objectives: Sequence[Objective]) -> str:
    """What was to be achieved."""
    return " and ".join(
        f"the {'lowest' if each.minimize else 'highest'} {measure(each.measure)}" for each in objectives
    )


def bound(limit: Limit) -> str:
    """A bound from one side."""
    if limit.at_most is not None:
        return f"at most {number(limit.at_most)}"
    return f"at least {number(limit.at_least)}"


def condition(constraint: Constraint) -> str:
    """What had to hold."""
    return f"{measure(constraint.measure)} {bound(constraint)}"
