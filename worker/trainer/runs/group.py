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
from worker.trainer.process.channel import Channel
from worker.trainer.process.failures import reason_for
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs import origins, snapshots
from worker.trainer.runs.monitor import Monitor
from worker.trainer.runs.run import Run
from worker.trainer.tuning.fusion_probe import FusionProbe


def train_group(
    order: Train, channel: Channel, interrupt: Interrupt, library: Path, ranks: Ranks | None = None
) -> None:
    """Train a group until each of its jobs has ended or stopped, whatever happens on the way."""
    runs = _runs(order)
    try:
        if order.measure:
            order = _tried(order, channel, library)
            runs = _runs(order)
        assembly, step = begin(order, runs, library, ranks)
        Monitor(runs, assembly, channel, interrupt, step).train(step)
    except Exception as error:  # the end of a job must be told, whatever its reason
        _tell(runs, reason_for(error), error, channel)


def _runs(order: Train) -> list[Run]:
    return [Run(lane, place, order.price_per_device_hour) for place, lane in enumerate(order.lanes)]


def _tried(order: Train, channel: Channel, library: Path) -> Train:
    """The order for as many lanes as it pays to train together. The others are told to be no part of it."""
    specs = [lane.spec for lane in order.lanes]
    lanes, why, finding = FusionProbe(specs, order.devices[0], library, order.lanes[0].dataset).verdict()
    for place, lane in enumerate(order.lanes):
        channel.send(Grouped(job=lane.job, trains=place < lanes, lanes=lanes, why=why, finding=finding))
    return order.model_copy(update={"lanes": order.lanes[:lanes]})


def _tell(runs: Sequence[Run], reason: Reason, error: Exception, channel: Channel) -> None:
    """Tell the end of the runs that are open. A group too large for the memory is to be tried again, smaller."""
    if reason.code == Internal.code:  # first, since the log of a job ends with it
        traceback.print_exception(error)
    too_many = len(runs) > 1 and reason.code == OutOfMemory.code
    half = max(1, len(runs) // 2)
    finding = Finding(most=half, tried=len(runs), why=f"{len(runs)} lanes did not fit into memory")
    for run in runs:
        job = run.lane.job
        if run.open and too_many:
            channel.send(Grouped(job=job, trains=False, lanes=half, why=finding.why, finding=finding))
        elif run.open:
            channel.send(Ended(job=job, reason=reason))


def begin(order: Train, runs: Sequence[Run], library: Path, ranks: Ranks | None = None) -> tuple[Assembly, int]:
    """All that training needs, as every rank makes it for itself, and the step that it stands at."""
    device = order.devices[ranks.number if ranks else 0]
    assembly = assemble([lane.spec for lane in order.lanes], device, library, order.lanes[0].dataset, ranks)
    origins.start(runs, assembly)
    step = snapshots.go_back(runs, assembly)
    if ranks is not None:
        ranks.compare(assembly.learner.weights.values, *assembly.learner.optimizer.state.values())
    return assembly, step
