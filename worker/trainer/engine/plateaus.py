"""Plateaus: a learning rate that falls when the validation loss no longer does."""

from math import inf

from unitscale.models.units import Schedule

State = tuple[float, int, float]


class Plateau:
    """One lane's part of its learning rate. It starts at 1 and falls by the schedule's `factor`, each time that more
    than `patience` evaluations in a row were no better than the best."""

    def __init__(self, schedule: Schedule) -> None:
        self._follows = schedule.name == "plateau"
        self._factor, self._patience = schedule.factor or 1.0, schedule.patience or 0
        self._floor = schedule.final_fraction or 0.0
        self.state: State = (inf, 0, 1.0)
        """The lowest loss, evaluations since, and the part of the rate."""

    @property
    def part(self) -> float:
        return self.state[2]

    def hear(self, loss: float) -> bool:
        """Take in the loss of an evaluation; whether the rate falls now."""
        if not self._follows:
            return False
        lowest, waited, part = self.state
        waited = 0 if loss < lowest else waited + 1
        falls = waited > self._patience
        self.state = (
            min(lowest, loss),
            0 if falls else waited,
            max(part * self._factor, self._floor) if falls else part,
        )
        return falls
