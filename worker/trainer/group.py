"""A group: jobs that train together, from their specs to each one's end."""

import traceback
from pathlib import Path

import torch

from unitscale.errors import Internal, OutOfMemory, TrainingError
from unitscale.models.jobs import Reason
from worker.pipe import Ended, Train
from worker.trainer import origins, snapshots
from worker.trainer.assembly import assemble
from worker.trainer.bell import Bell
from worker.trainer.course import Course
from worker.trainer.line import Line
from worker.trainer.watch import Watch


def train_group(order: Train, line: Line, bell: Bell, library: Path) -> None:
    """Train a group until each of its jobs has ended or stopped, whatever happens on the way."""
    courses = [Course(lane, place) for place, lane in enumerate(order.lanes)]
    try:
        assembly = assemble([lane.spec for lane in order.lanes], order.device, library, order.lanes[0].dataset)
        origins.start(courses, assembly)
        step = snapshots.go_back(courses, assembly)
        Watch(courses, assembly, line, bell, step).train(step)
    except Exception as error:  # the end of a job must be told, whatever its reason
        failure = _failure(error)
        for course in courses:
            if course.open:
                line.say(Ended(job=course.lane.job, reason=Reason(code=failure.code, message=failure.message)))
        if isinstance(failure, Internal):
            traceback.print_exception(error)


def _failure(error: Exception) -> TrainingError:
    if isinstance(error, TrainingError):
        return error
    message = f"{type(error).__name__}: {error}".partition("\n")[0]
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in message:
        return OutOfMemory(message)
    return Internal(message)
