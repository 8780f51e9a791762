"""Timing: where a run's seconds go."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Seconds of training and of evaluation since it was made; whatever is not evaluation is training."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._evaluation: tuple[float, float | None] = (0.0, None)
        """Seconds of evaluations that are over, and when the present one began; other threads read both in one go."""

    def training(self) -> float:
        spent, since = self._evaluation
        return (since or time.perf_counter()) - self._began - spent

    def evaluation(self) -> float:
        spent, since = self._evaluation
        return spent + (time.perf_counter() - since if since else 0.0)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """What happens inside counts as evaluation."""
        spent, since = self._evaluation[0], time.perf_counter()
        self._evaluation = (spent, since)
        try:
            yield
        finally:
            self._evaluation = (spent + time.perf_counter() - since, None)
