"""A group: jobs that train together, from their specs to each one's end."""

import traceback
from collections.abc import Sequence
from pathlib import Path

import torch

from unitscale.errors import Impossible, Internal, OutOfMemory, TrainingError
from unitscale.models.jobs import Reason
from worker.pipe import Ended, Train
from worker.trainer import origins, snapshots
from worker.trainer.assembly import Assembly, assemble
from worker.trainer.bell import Bell
from worker.trainer.course import Course
from worker.trainer.engine.ranks import Ranks
from worker.trainer.line import Line
from worker.trainer.watch import Watch

UNUSED = "appears to not have been used in the graph"
"""How torch says it."""


def train_group(order: Train, line: Line, bell: Bell, library: Path, ranks: Ranks | None = None) -> None:
    """Train a group until each of its jobs has ended or stopped, whatever happens on the way."""
    courses = [Course(lane, place, order.price_per_device_hour) for place, lane in enumerate(order.lanes)]
    try:
        assembly, step = begin(order, courses, library, ranks)
        Watch(courses, assembly, line, bell, step).train(step)
    except Exception as error:  # the end of a job must be told, whatever its reason
        reason = reason_for(error)
        if reason.code == Internal.code:  # first, since the log of a job ends with it
            traceback.print_exception(error)
        for course in courses:
            if course.open:
                line.say(Ended(job=course.lane.job, reason=reason))


def begin(order: Train, courses: Sequence[Course], library: Path, ranks: Ranks | None = None) -> tuple[Assembly, int]:
    """All that training needs, as every rank makes it for itself, and the step that it stands at."""
    device = order.devices[ranks.number if ranks else 0]
    assembly = assemble([lane.spec for lane in order.lanes], device, library, order.lanes[0].dataset, ranks)
    origins.start(courses, assembly)
    step = snapshots.go_back(courses, assembly)
    if ranks is not None:
        ranks.compare(assembly.learner.weights.values, *assembly.learner.optimizer.state.values())
    return assembly, step


def reason_for(error: BaseException) -> Reason:
    """What a job's caller is told of an error that ends it."""
    failure = _failure(error)
    return Reason(code=failure.code, message=failure.message)


def _failure(error: BaseException) -> TrainingError:
    if isinstance(error, TrainingError):
        return error
    message = f"{type(error).__name__}: {error}".partition("\n")[0]
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in message:
        return OutOfMemory(message)
    if UNUSED in message:
        return Impossible("A weight of the model takes no part in its outputs; use it, or freeze it.")
    return Internal(message)
