"""A run: how far one job of a group has come, over all its attempts."""

from dataclasses import dataclass, field
from pathlib import Path

from unitscale.errors import TrainingError
from worker.pipe import Lane


@dataclass
class Run:
    """One lane's training."""

    lane: Lane
    place: int
    """Its row in everything that has a lane axis."""
    price_per_hour: float | None = None
    """Of one device."""
    examples_before: int = 0
    """That its origin has seen, where it goes on with that one's run."""
    points: dict[str, int] = field(default_factory=dict)
    """Points of each curve that were sent, over all attempts."""
    training_before: float = 0.0
    """Seconds of earlier attempts, up to the checkpoint this one started from."""
    evaluation_before: float = 0.0
    open: bool = True
    """Still training: neither ended nor stopped."""
    failure: TrainingError | None = None
    """Why it cannot go on; found where losses are read, told where messages of the end are."""
    train_loss: float | None = None
    next_save: float = 0.0
    """When the next checkpoint is due, by the performance counter."""

    @property
    def folder(self) -> Path:
        return Path(self.lane.folder)
