"""Schedules: the learning rate as a function of the step.  K lanes."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from unitscale.models.units import Schedule
from worker.trainer.engine.plateaus import Plateau

FIRST_STRETCH, STRETCH = 16, 1024
"""Steps whose rates are worked out at once: a step then costs a list look-up. At first they are few, so that the first
step does not wait for the rates of a thousand later ones."""


def factor(schedule: Schedule, step: float, steps: int) -> float:
    """Rate at `step` (from 1) over the rate of the plateau, in a run of `steps`.

    Warmup rises linearly and reaches 1 at its last step; what follows it falls from 1 to `final_fraction` at the last
    step of the run.
    """
    if step <= schedule.warmup_steps:
        return step / schedule.warmup_steps
    done = (step - schedule.warmup_steps) / max(1, steps - schedule.warmup_steps)
    return SHAPES[schedule.name](schedule, done)


def _constant(_schedule: Schedule, _done: float) -> float:
    return 1.0


def _linear(schedule: Schedule, done: float) -> float:
    final = schedule.final_fraction or 0.0
    return 1 - (1 - final) * done


def _cosine(schedule: Schedule, done: float) -> float:
    final = schedule.final_fraction or 0.0
    return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2


def _wsd(schedule: Schedule, done: float) -> float:
    """Warmup, stable, decay: flat until the last `decay_fraction` of the steps, then linear (arXiv:2404.06395)."""
    share = schedule.decay_fraction or 1.0
    return _linear(schedule, max(0.0, (done - (1 - share)) / share))


SHAPES: dict[str, Callable[[Schedule, float], float]] = {
    "constant": _constant,
    "linear": _linear,
    "cosine": _cosine,
    "wsd": _wsd,
    "plateau": _constant,  # what happens on the way is in `plateaus`
}


class Rates:
    """The learning rates of K lanes at each step; plateaus are each lane's own."""

    growing: Callable[[int], float] = staticmethod(lambda _step: 1.0)
    """The part of the rate that the batch size of a step leaves."""
    moment: Callable[[int], float] = staticmethod(lambda step: step)
    """Where a step stands on the schedule, in steps: elsewhere, where it is examples that a run counts."""

    def __init__(self, peaks: Sequence[float], schedules: Sequence[Schedule], steps: int, device: str) -> None:
        self.plateaus = [Plateau(schedule) for schedule in schedules]
        kinds = list(dict.fromkeys(schedules))  # lanes mostly share one, which is then worked out once
        self._schedules, self._kinds = kinds, [kinds.index(one) for one in schedules]
        self._peaks = np.array(peaks)
        self._steps, self._device = steps, device
        self._first, self._floats, self._columns = 1, [], []  # of the current stretch

    def floats(self, step: int) -> list[float]:
        """One rate a lane."""
        place = self._place(step)
        return self._floats[place]

    def column(self, step: int) -> Tensor:
        """The rates (K, 1) on the device."""
        place = self._place(step)
        return self._columns[place]

    def hear(self, lane: int, loss: float) -> None:
        """Take in a lane's validation loss, on which its further rates may depend."""
        if self.plateaus[lane].hear(loss):
            self.forget()

    def forget(self) -> None:
        """Rates that were worked out are no longer what they will be."""
        self._floats = []

    def _place(self, step: int) -> int:
        """Where `step` stands in the current stretch, which is worked out anew when it does not."""
        if not 0 <= step - self._first < len(self._floats):
            self._work_out(step)
        return step - self._first

    def _work_out(self, first: int) -> None:
        count = STRETCH if self._floats else FIRST_STRETCH
        steps = range(first, min(first + count, max(self._steps, first) + 1))
        parts = [plateau.part for plateau in self.plateaus]
        factors = np.array([self._factors(step) for step in steps])[:, self._kinds]
        growing = np.array([[self.growing(step)] for step in steps])
        rates = self._peaks * factors * parts * growing
        self._first, self._floats = first, rates.tolist()
        self._columns = list(torch.tensor(rates, dtype=torch.float32, device=self._device).unsqueeze(-1).unbind())

    def _factors(self, step: int) -> list[float]:
        """Of each schedule."""
        moment = self.moment(step)
        return [factor(schedule, moment, self._steps) for schedule in self._schedules]
