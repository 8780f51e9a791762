"""The journal of a job: what its log says of an attempt, in a number of lines that no length of it changes."""

import base64
import struct
from typing import Any

from worker.pipe import Ended, Points, Saved, Started, Stopped

MOST_EVALUATIONS = 50
MOST_CHECKPOINTS = 25
"""Lines over a whole run, evenly spread: of what comes more often some are left out."""


class Journal:
    """Turns what a trainer says of one job into lines for people."""

    def __init__(self, attempt: int, slot: str) -> None:
        self._attempt, self._slot = attempt, slot
        self._steps = 1
        self._evaluation_from = self._checkpoint_from = 0.0
        """The first step of which the next such line may be."""

    def lines(self, message: Any) -> list[str]:
        """What there is to say of this message."""
        match message:
            case Started():
                self._steps = message.steps
                beside = f", trained together with {message.lanes - 1} other job(s)" if message.lanes > 1 else ""
                size = f"{message.steps:,} steps, {message.parameters:,} parameters"
                return [f"attempt {self._attempt} on {self._slot}: {size}{beside}"]
            case Points():
                return self._evaluated(message)
            case Saved():
                return self._saved(message)
            case Ended():
                return [_ended(message)]
            case Stopped():
                return [{"pause": "paused", "cancel": "cancelled", "leave": "stopped: its worker leaves"}[message.why]]
            case _:
                return []

    def _evaluated(self, points: Points) -> list[str]:
        curves = {key: _unpacked(each.data) for key, each in points.curves.items() if key.startswith("val_")}
        said: list[str] = []
        for step, loss in curves.get("val_loss", {}).items():
            if step >= self._evaluation_from or step == points.steps:
                self._evaluation_from = step + points.steps / MOST_EVALUATIONS
                others = {key: curve[step] for key, curve in curves.items() if key != "val_loss" and step in curve}
                said.append(f"step {step}/{points.steps}: {_told({'val_loss': loss} | others)}")
        return said

    def _saved(self, saved: Saved) -> list[str]:
        if saved.step < self._checkpoint_from:
            return []
        self._checkpoint_from = saved.step + self._steps / MOST_CHECKPOINTS
        return [f"checkpoint at step {saved.step}, {saved.bytes:,} bytes"]


def _ended(ended: Ended) -> str:
    if ended.result is None:
        return f"failed: {ended.reason.message}" if ended.reason else "failed"
    test = {f"test_{name}": value for name, value in ended.result.test_metrics.items()}
    return f"succeeded, stopped by {ended.result.stopped_by}: {_told({'val_loss': ended.result.val_loss} | test)}"


def _told(measured: dict[str, float | None]) -> str:
    """The first two: the loss, and what the task is mainly graded by."""
    return ", ".join(f"{name} {value:.4g}" for name, value in list(measured.items())[:2] if value is not None)


def _unpacked(data: str) -> dict[int, float]:
    """Step → value of a stretch of a curve."""
    return dict(struct.iter_unpack("<If", base64.b64decode(data)))
