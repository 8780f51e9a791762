"""Who is there to train."""

from typing import Literal

from unitscale.models.catalog import Plugins
from unitscale.models.document import Answer, JobId, Moment


class Slot(Answer):
    """A set of devices that trains one group of jobs at a time."""

    devices: tuple[str, ...]
    queue: str
    jobs: tuple[JobId, ...] = ()


class Abilities(Answer):
    """What a node's trainers can do, by name. A job is claimed by nodes alone that can do all it needs."""

    precisions: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    """Those that are there, or are made on the spot."""
    hardware: tuple[str, ...] = ()
    """What its slots are made of, as `hardware` of a job says it."""
    measures: tuple[str, ...] = ()
    """What its jobs' results have that others' may not: `price`, where its operator has set one."""
    plugins: Plugins = Plugins()
    """What installed packages add, and those that could not be taken in."""


class Worker(Answer):
    """A node that trains."""

    id: str
    started_at: Moment
    seen_at: Moment
    hardware: str
    device: Literal["cpu", "cuda"]
    slots: tuple[Slot, ...]
    version: str
    abilities: Abilities | None = None
    """What its trainers can do; null while it finds out, in the seconds after its start."""
