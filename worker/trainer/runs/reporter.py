"""The reporter: losses from the device to the supervisor, without making the loop wait."""

import base64
import threading
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor

from unitscale.errors import Diverged
from worker.pipe import Points, Stretch
from worker.trainer.assembly.assemble import Assembly
from worker.trainer.engine.timing import Clock
from worker.trainer.process.channel import Channel
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs.run import Run

EVERY_SECONDS = 0.1
SECONDS_A_LANE = 1 / 256
"""Between flushes, at least: what a flush tells of a lane takes the loop a ten-thousandth of a second."""
POINT = np.dtype([("step", "<u4"), ("value", "<f4")])

Measured = Mapping[int, Mapping[str, float]]
"""Lane → curve → value, of one step."""


class Reporter:
    """Sends the points of every open run, ten times a second; of many runs together, less often.

    Losses wait as device tensors and are read together: one host–device synchronization a flush instead of one a step.
    A step counts as settled once all its points are here, those of its evaluation included. A run's first loss that
    is no finite number is its last point.
    """

    def __init__(
        self, channel: Channel, interrupt: Interrupt, clock: Clock, runs: Sequence[Run], step: int, assembly: Assembly
    ) -> None:
        self._channel, self._interrupt, self._clock, self._runs = channel, interrupt, clock, runs
        self._settled, self._assembly = step, assembly
        self._losses: list[Tensor] = []
        self._measured: dict[int, Measured] = {}
        self._turn, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        return self

    def begin(self) -> None:
        """Send from now on: once the first step has been told of, which a thread's start would hold up."""
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def settle(self, losses: Tensor) -> None:
        """Take over the next step, which has no other points."""
        self._losses.append(losses)

    def settle_measured(self, step: int, losses: Tensor, measured: Measured) -> None:
        """Take over the next step with what was measured at it. The losses come last: they are what a flush counts."""
        self._measured[step] = measured
        self._losses.append(losses)

    def flush(self) -> None:
        """Send all points of the settled steps."""
        with self._turn:
            count = len(self._losses)
            if not count:
                return
            table = torch.stack(self._losses[:count]).cpu().numpy()
            del self._losses[:count]
            first, self._settled = self._settled + 1, self._settled + count
            measured = {step: self._measured.pop(step) for step in sorted(self._measured) if step <= self._settled}
            for run in self._runs:
                if run.open and run.failure is None:
                    self._tell(run, first, table[:, run.place], measured)

    def _run(self) -> None:
        while not self._over.wait(max(EVERY_SECONDS, SECONDS_A_LANE * len(self._runs))):
            self.flush()

    def _tell(self, run: Run, first: int, losses: np.ndarray, measured: Mapping[int, Measured]) -> None:
        finite = np.isfinite(losses)
        if not finite.all():
            losses = losses[: int(finite.argmin()) + 1]
        last = first + len(losses) - 1
        curves = {"train_loss": (np.arange(first, last + 1), losses), **_curves(measured, run.place, last)}
        self._channel.send(
            Points(
                job=run.lane.job,
                step=last,
                steps=self._assembly.steps,
                curves={key: _stretch(run, key, *points) for key, points in curves.items()},
                training_seconds=run.training_before + self._clock.training(),
                evaluation_seconds=run.evaluation_before + self._clock.evaluation(),
                examples=self._assembly.batches.examples(last) - run.examples_before,
            )
        )
        run.train_loss = float(losses[-1])
        if not finite.all():
            run.failure = Diverged(last, run.train_loss)
            self._interrupt.set()


def _curves(measured: Mapping[int, Measured], place: int, last: int) -> dict[str, tuple[list[int], list[float]]]:
    """Curve → steps and values of one lane, up to its last step."""
    curves: dict[str, tuple[list[int], list[float]]] = {}
    for step, lanes in measured.items():
        for key, value in lanes.get(place, {}).items() if step <= last else ():
            steps, values = curves.setdefault(key, ([], []))
            steps.append(step)
            values.append(value)
    return curves


def _stretch(run: Run, key: str, steps: Sequence[int] | np.ndarray, values: Sequence[float] | np.ndarray) -> Stretch:
    points = np.empty(len(steps), POINT)
    with np.errstate(over="ignore"):  # what a diverging lane measures may be infinite for a point
        points["step"], points["value"] = steps, values
    offset = run.points.get(key, 0)
    run.points[key] = offset + len(points)
    return Stretch(offset=offset, data=base64.b64encode(points.tobytes()).decode())
