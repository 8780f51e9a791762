"""The short run whose noise a batch size follows: how long it will be, or why the batch is decided without one."""

from math import floor

from unitscale.models import tuning
from unitscale.models.datasets import Volume
from unitscale.models.resolution import examples_to_see, total_steps, training_examples
from unitscale.models.specs import JobSpec, TaskName

STEPS = 100
FEWEST = 30
SHARE = 0.1
"""Of a job's work, the most that this run may take."""
COST = 1.5
"""Of a step of it, in steps: every second one is measured."""
WHOLE = 4096
"""Rows of a table that are one batch, where enough steps remain."""
ENOUGH_STEPS = 100
"""Steps that a larger batch must leave, where the budget is epochs or tokens."""
LARGEST = 65_536


def length(spec: JobSpec, volume: Volume | None, own: bool) -> int | str:
    """Its steps; or why the batch size is the default instead. `own`: whether the model is a plug-in's."""
    if why := _unmeasured(spec, own):
        return why
    steps = min(STEPS, floor(max(SHARE * total_steps(spec, volume), _affordable(spec)) / COST))
    if steps < FEWEST:
        return f"measuring the noise takes {FEWEST} steps, which {SHARE:.0%} of this job's work do not allow"
    return steps


def is_whole(spec: JobSpec, volume: Volume | None) -> bool:
    """Whether a table is so small that all of it is one batch."""
    most = min(WHOLE, most_for_budget(spec, volume))
    return spec.task == TaskName.REGRESSION and training_examples(spec, volume) <= most


def most_for_budget(spec: JobSpec, volume: Volume | None) -> int:
    """The largest batch that leaves enough steps."""
    if spec.budget.steps is not None:
        return LARGEST
    return max(1, examples_to_see(spec, volume) // ENOUGH_STEPS)


def foreseen(spec: JobSpec, volume: Volume | None, own: bool) -> str:
    """What will be done about the batch size of a resolved spec, in words; empty where it is given."""
    if "batch_size" not in spec.units.tune:
        return ""
    if is_whole(spec, volume):
        return f"The batch size is the whole training split of {training_examples(spec, volume)} rows."
    steps = length(spec, volume, own)
    if isinstance(steps, str):
        return f"The batch size is the default, {spec.units.batch_size}: {steps}."
    return f"The batch size follows the noise scale of a short run of {steps} steps, and memory."


def _unmeasured(spec: JobSpec, own: bool) -> str:
    """Why the noise of such a job is not measured; empty where it is."""
    checks = (
        (own, "the noise is not measured for a plug-in's model"),
        (bool(spec.model.memory_length), "a model with memory reads its text on as one run alone"),
        (int(spec.units.batch_size or 1) < 2, "a batch of one example has no halves"),
    )
    return next((why for wrong, why in checks if wrong), "")


def _affordable(spec: JobSpec) -> float:
    """Steps that the least work allowed is enough for."""
    return tuning.SHARE * tuning.LEAST_WORK / tuning.work_of_step(spec)
