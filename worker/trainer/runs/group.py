"""A group: jobs that train together, from their specs to each one's end."""

import traceback
from collections.abc import Sequence
from pathlib import Path

from unitscale.errors import Internal, OutOfMemory
from unitscale.models.alike import Finding
from unitscale.models.jobs import Reason
from worker.pipe import Ended, Grouped, Train
from worker.trainer.assembly.assemble import Assembly, assemble
from worker.trainer.engine.ranks import Ranks
from worker.trainer.process.channel import Line
from worker.trainer.process.failures import reason_for
from worker.trainer.process.interrupt import Bell
from worker.trainer.runs import origins, snapshots
from worker.trainer.runs.monitor import Watch
from worker.trainer.runs.run import Course
from worker.trainer.tuning.fusion import Trial


def train_group(order: Train, line: Line, bell: Bell, library: Path, ranks: Ranks | None = None) -> None:
    """Train a group until each of its jobs has ended or stopped, whatever happens on the way."""
    courses = _courses(order)
    try:
        if order.measure:
            order = _tried(order, line, library)
            courses = _courses(order)
        assembly, step = begin(order, courses, library, ranks)
        Watch(courses, assembly, line, bell, step).train(step)
    except Exception as error:  # the end of a job must be told, whatever its reason
        _tell(courses, reason_for(error), error, line)


def _courses(order: Train) -> list[Course]:
    return [Course(lane, place, order.price_per_device_hour) for place, lane in enumerate(order.lanes)]


def _tried(order: Train, line: Line, library: Path) -> Train:
    """The order for as many lanes as it pays to train together. The others are told to be no part of it."""
    specs = [lane.spec for lane in order.lanes]
    lanes, why, finding = Trial(specs, order.devices[0], library, order.lanes[0].dataset).verdict()
    for place, lane in enumerate(order.lanes):
        line.say(Grouped(job=lane.job, trains=place < lanes, lanes=lanes, why=why, finding=finding))
    return order.model_copy(update={"lanes": order.lanes[:lanes]})


def _tell(courses: Sequence[Course], reason: Reason, error: Exception, line: Line) -> None:
    """Tell the end of the courses that are open. A group too large for the memory is to be tried again, smaller."""
    if reason.code == Internal.code:  # first, since the log of a job ends with it
        traceback.print_exception(error)
    too_many = len(courses) > 1 and reason.code == OutOfMemory.code
    half = max(1, len(courses) // 2)
    finding = Finding(most=half, tried=len(courses), why=f"{len(courses)} lanes did not fit into memory")
    for course in courses:
        job = course.lane.job
        if course.open and too_many:
            line.say(Grouped(job=job, trains=False, lanes=half, why=finding.why, finding=finding))
        elif course.open:
            line.say(Ended(job=job, reason=reason))


def begin(order: Train, courses: Sequence[Course], library: Path, ranks: Ranks | None = None) -> tuple[Assembly, int]:
    """All that training needs, as every rank makes it for itself, and the step that it stands at."""
    device = order.devices[ranks.number if ranks else 0]
    assembly = assemble([lane.spec for lane in order.lanes], device, library, order.lanes[0].dataset, ranks)
    origins.start(courses, assembly)
    step = snapshots.go_back(courses, assembly)
    if ranks is not None:
        ranks.compare(assembly.learner.weights.values, *assembly.learner.optimizer.state.values())
    return assembly, step
