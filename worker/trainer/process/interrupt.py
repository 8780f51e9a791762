"""The interrupt: how other threads get the training loop's attention, at the price of one attribute a step."""

import threading
from collections.abc import Callable

from worker.pipe import Stop


class Interrupt:
    """Set by stops from the supervisor and by losses that went wrong."""

    def __init__(self) -> None:
        self.pending = False
        self._stops: dict[str, Stop] = {}
        self._turn = threading.Lock()
        self._also: Callable[[Stop], None] = lambda _order: None

    def set(self) -> None:
        self.pending = True

    def stop(self, order: Stop) -> None:
        """Wish for the end of a job's training. The later of two wishes counts."""
        with self._turn:
            self._stops[order.job] = order
            self._also(order)
        self.set()

    def wished(self, job: str) -> bool:
        """Whether the end of a job's training is wished."""
        return job in self._stops

    def pass_on(self, tell: Callable[[Stop], None]) -> None:
        """Tell someone else as well of every stop: of those so far, and of each that comes."""
        with self._turn:
            self._also = tell
            for order in self._stops.values():
                tell(order)

    def take(self) -> dict[str, Stop]:
        """What is wished, by job; nothing is pending then."""
        self.pending = False
        return dict(self._stops)
