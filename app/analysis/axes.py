"""What a curve can be drawn along: where on it each step of a job lies.  N steps, M marks.

Of the record, `training_seconds` and `examples` are exact at a job's last step. Marks tell how the seconds were spent
on the way; where none of them lies within one attempt, steps are taken to be equally long.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.analysis.smoothing import Floats
from unitscale.models.comparisons import Align
from unitscale.models.jobs import Job
from unitscale.models.specs import JobSpec

Steps = NDArray[np.int64]
POINT = np.dtype([("step", "<u4"), ("value", "<f4")])
MARK = np.dtype([("step", "<u4"), ("attempt", "<u4"), ("seconds", "<f8")])


@dataclass(frozen=True)
class Track:
    """What the record holds of how a job went on: the packed points of one curve, batch sizes, marks."""

    job: Job
    points: bytes = b""
    sizes: bytes = b""
    marks: bytes = b""

    def course(self) -> tuple[Steps, Floats]:
        """Steps (N,) and values (N,) of the curve, up to the last step that is known to be whole."""
        return settled(self.points, self.job.progress.step)


def settled(packed: bytes, last_step: int) -> tuple[Steps, Floats]:
    """Steps and values of packed points up to a step. A torn last point is left out."""
    points = np.frombuffer(packed, POINT, len(packed) // POINT.itemsize)
    points = points[: np.searchsorted(points["step"], last_step, side="right")]
    return points["step"].astype(np.int64), points["value"].astype(np.float64)


def along(align: Align, track: Track, steps: Steps) -> Floats | None:
    """(N,) Where these steps lie; None where the job has no such measure."""
    job = track.job
    if align == "step":
        return steps.astype(np.float64)
    if align == "fraction":
        return steps / (job.progress.steps or max(job.progress.step, 1))
    if align == "time":
        return seconds(track, steps)
    seen = examples(track, steps)
    if align == "examples" or seen is None:
        return seen
    return seen * job.spec.model.context if job.spec.model.context else None


def seconds(track: Track, steps: Steps) -> Floats | None:
    """(N,) Seconds of training until the end of these steps, over all attempts."""
    total, last = track.job.timings.training_seconds, track.job.progress.step
    if total is None or not last:
        return None
    marks = np.frombuffer(track.marks, MARK, len(track.marks) // MARK.itemsize)
    marks = marks[: np.searchsorted(marks["step"], last, side="right")]
    anchors = np.concatenate(([0], marks["step"].astype(np.int64), [last]))
    passed = np.concatenate(([0.0], np.cumsum(_lengths(anchors, marks, total / last))))
    passed[-1] = total  # whatever rounding made of it: a course ends where its job does
    return np.interp(steps, anchors, passed)


def _lengths(anchors: Steps, marks: NDArray[np.void], pace: float) -> Floats:
    """(M + 1,) Seconds of each stretch between anchors: at the mean pace, but for those within one attempt, which share
    theirs as the clock had it (that counts evaluations in, and the seconds of training do not)."""
    taken = np.diff(anchors)
    lengths = taken * pace
    if len(marks) < 2:
        return lengths
    within = np.concatenate(([False], marks["attempt"][1:] == marks["attempt"][:-1], [False]))
    passed = np.concatenate(([0.0], np.maximum(np.diff(marks["seconds"]), 0.0), [0.0]))
    known = passed[within].sum()
    if known > 0:
        lengths[within] = passed[within] * (taken[within].sum() * pace / known)
    return lengths


def examples(track: Track, steps: Steps) -> Floats | None:
    """(N,) Examples seen until the end of these steps; where an epoch ends in a smaller batch, to within a batch."""
    timings, last = track.job.timings, track.job.progress.step
    if not timings.training_seconds or timings.examples_per_second is None or not last:
        return None
    total = round(timings.examples_per_second * timings.training_seconds)
    if track.job.spec.batch_schedule.name == "ramp":
        return ramped(track.job.spec, steps)
    measured, sizes = settled(track.sizes, last)
    if not len(measured):
        return np.rint(np.interp(steps, [0, last], [0, total]))
    seen = np.cumsum(np.diff(measured, prepend=0) * sizes)  # a size holds up to the step at which it is told
    return np.interp(
        steps, np.concatenate(([0], measured, [last])), np.concatenate(([0], seen, [max(total, seen[-1])]))
    )


def ramped(spec: JobSpec, steps: Steps) -> Floats:
    """(N,) What `growth(spec).examples` says of these steps; a ramp may be a million of them long."""
    first, last = int(spec.batch_schedule.initial_batch_size or 1), int(spec.units.batch_size or 1)
    rise = int(spec.batch_schedule.ramp_steps or 1)
    seen = np.zeros(rise + 1)
    seen[1:] = np.cumsum(np.rint(first + (last - first) * np.arange(rise) / rise))
    risen = np.minimum(steps, rise)
    return seen[risen] + (steps - risen) * float(last)
