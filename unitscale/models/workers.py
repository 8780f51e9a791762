"""Who is there to train."""

from typing import Literal

from unitscale.models.document import Answer, JobId, Moment


class Slot(Answer):
    """A set of devices that trains one group of jobs at a time."""

    devices: tuple[str, ...]
    queue: str
    jobs: tuple[JobId, ...] = ()


class Worker(Answer):
    """A node that trains."""

    id: str
    started_at: Moment
    seen_at: Moment
    hardware: str
    device: Literal["cpu", "cuda"]
    slots: tuple[Slot, ...]
    precisions: tuple[str, ...] = ()
    version: str
