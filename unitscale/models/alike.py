"""Alike: which jobs can train together in one process, and why the others train alone."""

import hashlib
import json
from typing import Any, NamedTuple

from unitscale.models.datasets import Volume
from unitscale.models.document import Answer
from unitscale.models.resolution import total_steps
from unitscale.models.specs import JobSpec

KEY_BYTES = 12


class Finding(Answer):
    """What training together costs, measured for jobs that are alike on one kind of hardware."""

    most: int
    """Lanes of the group that took the fewest seconds for each."""
    tried: int
    """Lanes of the largest group that was thought of: where `most` is as many, more may pay as well."""
    why: str
    cost: float | None = None
    """What a step of `most` lanes takes, in steps of one."""


class Company(NamedTuple):
    """Whom a job may train with."""

    alike: str
    """The same for jobs that may train together; empty for one that trains alone."""
    why_alone: str | None = None


def why_alone(spec: JobSpec, laned: bool) -> str | None:
    """Why a resolved spec trains in a process of its own; None where others may join it.

    `laned`: whether its model computes several lanes at once.
    """
    reasons = (
        (spec.resources.alone, "it asked to train alone"),
        (spec.resources.devices > 1, "it trains on several devices"),
        (spec.resources.compile, "what is compiled is made for one job"),
        (not laned, f"models of kind {spec.model.kind} have no lanes"),
        (spec.batch_schedule.name == "noise-scale", "its batches follow its own noise scale"),
        (bool(spec.units.tune), "its units were to be tuned first"),
        (spec.budget.max_seconds is not None, "its seconds are counted, and others would take of them"),
    )
    return next((why for holds, why in reasons if holds), None)


def shape(spec: JobSpec, volume: Volume | None) -> dict[str, Any]:
    """All in which resolved specs must agree to train together: what is not here may differ from lane to lane."""
    return {
        "task": spec.task,
        "dataset": spec.dataset,
        "data": spec.data.model_dump(mode="json"),
        "model": spec.model.model_dump(mode="json"),
        "optimizer": spec.optimizer.name,
        "steps": total_steps(spec, volume),
        "after": spec.after,
        "units": spec.units.model_dump(mode="json", exclude={"learning_rate", "alphas"}),
        "batch_schedule": spec.batch_schedule.model_dump(mode="json"),
        "every_steps": spec.evaluation.every_steps,
        "saved_every_steps": spec.checkpoint.every_steps,
        "diagnostics": spec.diagnostics.model_dump(mode="json"),
    }


def company(spec: JobSpec, volume: Volume | None, laned: bool) -> Company:
    """Which jobs a slot may take together with one of a resolved spec. They are of one priority, too."""
    if why := why_alone(spec, laned):
        return Company("", why)
    document = json.dumps({"priority": spec.priority, **shape(spec, volume)}, sort_keys=True)
    return Company(hashlib.blake2b(document.encode(), digest_size=KEY_BYTES).hexdigest())
