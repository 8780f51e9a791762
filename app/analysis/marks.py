"""When steps happened: a mark a second at most, and straight lines between them."""

from bisect import bisect_left
from dataclasses import dataclass
from struct import iter_unpack


@dataclass(frozen=True)
class Marks:
    """Steps that a supervisor told of, with the attempt and the unix seconds of each."""

    steps: tuple[int, ...]
    attempts: tuple[int, ...]
    seconds: tuple[float, ...]

    @classmethod
    def unpacked(cls, data: bytes) -> "Marks":
        """The marks in these bytes: `<u4 step, u4 attempt, f8 unix seconds>`."""
        rows = list(iter_unpack("<IId", data[: len(data) // 16 * 16]))
        steps, attempts, seconds = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(steps, attempts, seconds)

    def of(self, step: int) -> tuple[int, float] | None:
        """The attempt that took this step, and when; None where nothing is known."""
        if not self.steps:
            return None
        after = min(bisect_left(self.steps, step), len(self.steps) - 1)
        return self.attempts[after], self._seconds(step, after)

    def _seconds(self, step: int, after: int) -> float:
        """Between two marks of one attempt, by proportion; else the time of the mark that came next."""
        before = after - 1
        if before < 0 or step >= self.steps[after] or self.attempts[before] != self.attempts[after]:
            return self.seconds[after]
        share = (step - self.steps[before]) / (self.steps[after] - self.steps[before])
        return self.seconds[before] + share * (self.seconds[after] - self.seconds[before])
