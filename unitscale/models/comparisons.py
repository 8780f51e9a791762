"""Jobs side by side."""

from typing import Any, Literal

from unitscale.models.curves import CurveKey
from unitscale.models.document import Answer, JobId, Measure, Measures
from unitscale.models.jobs import Progress, Reason, State

Align = Literal["step", "tokens", "examples", "time", "fraction"]
"""What jobs are laid side by side along: `time` is seconds of training, over all attempts; `fraction` is of the steps
that a job was to take."""


class Compared(Answer):
    """One job of a comparison, as far as it has come."""

    id: JobId
    name: str | None
    state: State
    reason: Reason | None = None
    """Why it failed."""
    stopped_by: str | None = None
    attempt: int = 0
    progress: Progress = Progress()
    latest: Measures = {}
    """Of a job without a result: the last value of its loss curves. A measure is what a job ended with."""
    hardware: str | None = None
    """Of the worker that trained it last: times are compared on the same alone."""
    lanes: int = 1
    """Jobs that its process trained at a time, this one included."""
    sweep: str | None = None
    study: str | None = None
    transfer: str | None = None


class BestJobs(Answer):
    """The best of one measure, whose better end is known."""

    better: Literal["lower", "higher"]
    jobs: tuple[JobId, ...]
    """Several where they are equal; none where all are, or where what was measured is not the same."""


class Smoothing(Answer):
    """What was done to a curve at full resolution, before any point was left out: the mean of a value and all before
    it, each weighing `weight` times the one after it. Weights add up to one from the first point on (debiased)."""

    method: Literal["ema"] = "ema"
    weight: float


class Laid(Answer):
    """One job's curve on the grid; null where the job has no points around: nothing is drawn beyond its end."""

    value: tuple[Measure, ...]
    """Smoothed, where that was asked for; on a straight line between two points."""
    min: tuple[Measure, ...]
    """With `max`, what was measured since the grid's place before, as it was measured; null where nothing was."""
    max: tuple[Measure, ...]


class Aligned(Answer):
    """One curve of several jobs on a common grid."""

    align: Align
    x: tuple[float, ...]
    """Every place at which any job has a point where there is room for all, else places at equal distances."""
    smoothing: Smoothing | None = None
    jobs: tuple[Laid, ...]


class Reached(Answer):
    """When each job's curve first was at, or below, a loss; null when never."""

    loss: float
    of: CurveKey
    smoothing: Smoothing | None = None
    relative_to: JobId
    """The first of the jobs: a speed-up of 2 is half of what that one needed."""
    step: tuple[int | None, ...]
    seconds: tuple[Measure, ...]
    """Of training, over all attempts."""
    examples: tuple[Measure, ...]
    tokens: tuple[Measure, ...]
    speed_up: dict[Literal["step", "seconds", "examples", "tokens"], tuple[Measure, ...]]


class Comparison(Answer):
    """What differs, and what came out; lists follow the order of `jobs`."""

    jobs: tuple[Compared, ...]
    total: int
    """Jobs that were compared: more than `jobs` where a limit was given."""
    fields: dict[str, tuple[Any, ...]]
    """Spec fields that differ, by dotted path, defaults filled in."""
    measures: dict[str, tuple[Measure, ...]]
    """What jobs ended with and how long it took, by dotted path; null where a job has none."""
    best: dict[str, BestJobs]
    """Of the measures whose better end is known."""
    curves: dict[str, Aligned] = {}
    """Those that were asked for."""
    to_loss: Reached | None = None
    remarks: tuple[str, ...] = ()
    """What a reader of the figures should know."""


def is_principal(measure: str) -> bool:
    """Whether a table that has no room for all measures shows this one."""
    first, *rest = measure.split(".")
    named = {"val_loss", "metrics", "training_seconds", "price"}
    return first in named or (first == "deployment" and rest[-1] in {"bytes", "p50"})
