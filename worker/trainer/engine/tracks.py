"""Tracks: what was measured of the gradient's noise over a run, and what that says of its noise scale.  One lane."""

from math import isfinite
from typing import NamedTuple

from worker.trainer.engine.ratios import Ratio, ratio

RECENT = 10
"""Measurements that an estimate takes in, at least; where there are more, the later half of all."""

PLAIN, PRECONDITIONED = "noise_scale", "noise_scale_preconditioned"


class Measurement(NamedTuple):
    """tr Σ and |G|² of one step: as they are, and as AdamW sees them (NaN where it has seen nothing yet)."""

    noise: float
    signal: float
    preconditioned_noise: float
    preconditioned_signal: float


State = tuple[list[tuple[float, ...]], float]


class Track:
    """One lane's measurements, over all attempts, and the seconds that they took."""

    def __init__(self) -> None:
        self.measurements: list[Measurement] = []
        self.seconds = 0.0

    @property
    def state(self) -> State:
        """A copy of all there is, for a checkpoint."""
        return [tuple(row) for row in self.measurements], self.seconds

    @state.setter
    def state(self, state: State) -> None:
        rows, self.seconds = state
        self.measurements = [Measurement(*row) for row in rows]

    def estimates(self) -> dict[str, Ratio]:
        """Curve → the noise scale of late, in examples; without what was never measured."""
        late = self.measurements[-max(RECENT, (len(self.measurements) + 1) // 2) :]
        pairs = {
            PLAIN: [(row.noise, row.signal) for row in late],
            PRECONDITIONED: [(row.preconditioned_noise, row.preconditioned_signal) for row in late],
        }
        there = {curve: [pair for pair in all_of_it if isfinite(sum(pair))] for curve, all_of_it in pairs.items()}
        return {curve: ratio(finite) for curve, finite in there.items() if finite}

    def points(self) -> dict[str, float]:
        """Curve → value; a bound that is not known yet has no point."""
        points = {
            curve + end: value
            for curve, (value, low, high) in self.estimates().items()
            for end, value in (("", value), ("_low", low), ("_high", high))
        }
        return {curve: value for curve, value in points.items() if isfinite(value)}
