"""From the losses of a transfer's jobs to what they say: vertices, drift, penalty. Missing losses are left out."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from math import inf, log2
from typing import NamedTuple

from unitscale.models.parabolas import Nowhere, Parabola, loss_at, parabola, slope
from unitscale.models.transfers import AtValue, Axis, Parametrized, TransferSpec, Trial, Trials
from unitscale.models.units import LEAST_RATE, MOST_RATE, Parametrization

Losses = Mapping[int, float]
"""Place of a job → its validation loss; +inf where it diverged."""


class Curve(NamedTuple):
    """Loss against log2 learning rate, rates ascending."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    def lowest(self) -> Parabola | Nowhere:
        """Where it is least."""
        return parabola(self.rates, self.losses)


class Line(NamedTuple):
    """One parametrization at one value: S seeds at R rates."""

    parametrization: str
    value: int
    rates: tuple[float, ...]
    seeds: tuple[tuple[float | None, ...], ...]
    """(S, R); None where a loss is missing."""

    def means(self) -> list[float | None]:
        """(R,); None where one of the seeds is missing: the others alone would be no fair comparison."""
        return [_mean(column) for column in zip(*self.seeds, strict=True)]

    def curve(self) -> Curve:
        """The mean over seeds, of rates that all seeds have."""
        there = [(log2(rate), loss) for rate, loss in zip(self.rates, self.means(), strict=True) if loss is not None]
        return Curve(tuple(rate for rate, _ in there), tuple(loss for _, loss in there))


def lines(spec: TransferSpec, trials: Trials, losses: Losses) -> list[Line]:
    """Every line, in the order of parametrizations and ascending values."""
    places = trials.places
    ascending = sorted(places)
    return [
        _line(spec, [trial for trial in ascending if trial[:2] == (name.value, value)], places, losses)
        for name in spec.parametrizations
        for value in spec.ascending
    ]


def found(spec: TransferSpec, trials: Trials, losses: Losses) -> tuple[Parametrized, ...]:
    """What these losses say of each parametrization, without intervals."""
    all_lines = lines(spec, trials, losses)
    of_sp = {line.value: _least(line) for line in all_lines if line.parametrization == Parametrization.SP}
    return tuple(
        _of_parametrization(spec, name, list(of_name), of_sp)
        for name, of_name in groupby(all_lines, key=lambda line: line.parametrization)
    )


def drift(vertices: Mapping[int, float]) -> float | None:
    """Octaves that the vertex moves for each doubling of the value."""
    if len(vertices) < 2:
        return None
    return slope([log2(value) for value in vertices], list(vertices.values()))


def penalty(vertex_of_smallest: float, vertex_of_largest: float, largest: Curve) -> float | None:
    """What the smallest value's best rate loses at the largest; None where that was not tried."""
    there, best = (loss_at(*largest, x) for x in (vertex_of_smallest, vertex_of_largest))
    return None if there is None or best is None else there - best


def _line(spec: TransferSpec, trials: Sequence[Trial], places: Mapping[Trial, int], losses: Losses) -> Line:
    seeds = tuple(tuple(losses.get(places[trial] + seed) for trial in trials) for seed in range(spec.seeds))
    return Line(trials[0].parametrization, trials[0].value, tuple(trial.rate for trial in trials), seeds)


def _mean(losses: Sequence[float | None]) -> float | None:
    there = [loss for loss in losses if loss is not None]
    return sum(there) / len(there) if len(there) == len(losses) else None


def _least(line: Line) -> float | None:
    lowest = line.curve().lowest()
    return lowest.loss if isinstance(lowest, Parabola) else None


def _of_parametrization(
    spec: TransferSpec, name: str, of_name: Sequence[Line], of_sp: Mapping[int, float | None]
) -> Parametrized:
    curves = {line.value: line.curve() for line in of_name}
    lowest = {value: curve.lowest() for value, curve in curves.items()}
    vertices = {value: low.vertex for value, low in lowest.items() if isinstance(low, Parabola)}
    small, large = min(curves), max(curves)
    ends = vertices.get(small), vertices.get(large)
    return Parametrized(
        parametrization=Parametrization(name),
        values=tuple(_at_value(spec, line, lowest[line.value], of_sp.get(line.value)) for line in of_name),
        drift_octaves_per_doubling=drift(vertices),
        penalty_nats=penalty(ends[0], ends[1], curves[large]) if ends[0] is not None and ends[1] is not None else None,
    )


def _at_value(spec: TransferSpec, line: Line, lowest: Parabola | Nowhere, of_sp: float | None) -> AtValue:
    there = lowest if isinstance(lowest, Parabola) else None
    return AtValue(
        value=line.value,
        width=line.value if spec.axis is Axis.WIDTH else None,
        learning_rates=line.rates,
        losses=tuple(line.means()),
        seeds=line.seeds,
        vertex=there and there.vertex,
        learning_rate=2.0**there.vertex if there else None,
        loss=there and there.loss,
        regret=there.loss - of_sp if there and of_sp is not None else None,
        why=None if isinstance(lowest, Parabola) else str(lowest),
    )


def extensions(spec: TransferSpec, trials: Trials, losses: Losses) -> list[Trial]:
    """Rates to be tried where a best one lies at an edge, or next to one that diverges."""
    more: list[Trial] = []
    for line in lines(spec, trials, losses):
        lowest = line.curve().lowest()
        if isinstance(lowest, Nowhere):
            more += [Trial(line.parametrization, line.value, rate) for rate in _beyond(line, lowest)]
    return more


STEPS = 2
"""Rates by which a grid is extended at a time."""


def _beyond(line: Line, lowest: Nowhere) -> list[float]:
    rates = line.rates
    if lowest in (Nowhere.LOW_EDGE, Nowhere.HIGH_EDGE):
        end, inner = (rates[0], rates[1]) if lowest is Nowhere.LOW_EDGE else (rates[-1], rates[-2])
        further = [end * (end / inner) ** step for step in range(1, STEPS + 1)]
        return [rate for rate in further if LEAST_RATE <= rate <= MOST_RATE]
    if lowest is Nowhere.CLIFF:
        curve = line.curve()
        best = min(zip(curve.losses, curve.rates, strict=True))[1]
        return [2 ** (best + (other - best) / 2) for other, loss in _neighbours(curve, best) if loss == inf]
    return []


def _neighbours(curve: Curve, best: float) -> list[tuple[float, float]]:
    at = curve.rates.index(best)
    return [(curve.rates[i], curve.losses[i]) for i in (at - 1, at + 1)]
