"""The bell: how other threads get the training loop's attention, at the price of one attribute a step."""

from worker.pipe import Stop


class Bell:
    """Rung by stops from the supervisor and by losses that went wrong."""

    def __init__(self) -> None:
        self.rung = False
        self._stops: dict[str, Stop] = {}

    def ring(self) -> None:
        self.rung = True

    def stop(self, order: Stop) -> None:
        """Wish for the end of a job's training. The later of two wishes counts."""
        self._stops[order.job] = order
        self.ring()

    def wished(self, job: str) -> bool:
        """Whether the end of a job's training is wished."""
        return job in self._stops

    def answer(self) -> dict[str, Stop]:
        """What is wished, by job; the bell is silent again."""
        self.rung = False
        return dict(self._stops)
