"""Which units to try next: samplers over the trials that the record holds.

Each trial is asked for by a sampler of its own, seeded by the study's seed and the trial's number, over a study that is
rebuilt from the record. So whoever asks, and however often, is told the same.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal

from unitscale.models.measures import Objective
from unitscale.models.spaces import Choices, Range, Space
from unitscale.models.studies import StudySpec, Trial, TrialState
from unitscale.models.trials import swept
from worker.campaigns.search import independent
from worker.campaigns.search.independent import Asked
from worker.campaigns.search.sameness import Tried

MOST_STARTUP_TRIALS = 10
LEAST_STARTUP_TRIALS = 4
FAILED = "failed"
TRIES = 15
"""How often a sampler is asked again that asks for what was tried before."""
MOST_COMBINATIONS = 1024
"""Up to so many are gone through for those that were not tried."""


def ask(study: StudySpec, searched: Sequence[Trial], count: int) -> Asked:
    """The next trials after these, at most so many, none of which was made before; none where there is nothing left."""
    if study.sampler == "independent":
        return independent.ask(study, searched, count)
    tried = Tried(study, (trial.units for trial in searched))
    asked = SAMPLERS[study.sampler](study, searched, count, tried)
    for units in asked.units:
        tried.add(units)
    exhausted = bool(asked.units) and left(study, tried, 1) == []
    return replace(asked, why=f"{asked.why} With these, every combination is tried.") if exhausted else asked


def left(study: StudySpec, tried: Tried, most: int) -> list[dict[str, Any]] | None:
    """The first combinations that were not tried, at most so many; None where there are too many to go through."""
    axes = {unit: space.every(MOST_COMBINATIONS) for unit, space in study.spaces.items()}
    known = {unit: values for unit, values in axes.items() if values is not None}
    size = math.prod(len(values) for values in known.values())
    if known.keys() != axes.keys() or size > MOST_COMBINATIONS:
        return None
    return tried.new((_combination(known, number) for number in range(size)), most)


def _modelled(study: StudySpec, searched: Sequence[Trial], count: int, tried: Tried) -> Asked:
    startup = _startup(study)
    learnt = sum(trial.settled for trial in searched)
    units = _by_optuna(study, searched, count, tried, lambda optuna, seed: _tpe(optuna, seed, startup))
    if learnt < startup:
        return Asked(units, f"Drawn at random: the sampler begins to learn at {startup} trials, {learnt} have ended.")
    return Asked(units, f"Where {learnt} trials so far make a good value likely, compared with a bad one.")


def _random(study: StudySpec, searched: Sequence[Trial], count: int, tried: Tried) -> Asked:
    units = _by_optuna(study, searched, count, tried, lambda optuna, seed: optuna.samplers.RandomSampler(seed=seed))
    return Asked(units, "Drawn at random.")


def _quasi_random(study: StudySpec, searched: Sequence[Trial], count: int, tried: Tried) -> Asked:
    units = tried.new(_sobol(study, len(searched), count * (1 + TRIES)), count)
    units = units if len(units) == count else (left(study, tried, count) or units)
    return Asked(units, "The next points of a sequence that leaves no gaps.")


def _grid(study: StudySpec, _: Sequence[Trial], count: int, tried: Tried) -> Asked:
    axes = swept(study)
    size = math.prod(len(values) for values in axes.values())
    combinations = (_combination(axes, number) for number in range(size))
    return Asked(tried.new(combinations, count), f"The next of {size} combinations.")


SAMPLERS: dict[str, Callable[[StudySpec, Sequence[Trial], int, Tried], Asked]] = {
    "tpe": _modelled,
    "random": _random,
    "quasi-random": _quasi_random,
    "grid": _grid,
}


def _startup(study: StudySpec) -> int:
    return max(LEAST_STARTUP_TRIALS, min(MOST_STARTUP_TRIALS, study.budget.trials // 4))


def _combination(axes: dict[str, list[Any]], number: int) -> dict[str, Any]:
    """The last axis runs fastest."""
    units = dict[str, Any]()
    for unit, values in reversed(axes.items()):
        number, index = divmod(number, len(values))
        units[unit] = values[index]
    return dict(reversed(units.items()))


def _sobol(study: StudySpec, first: int, count: int) -> Iterator[dict[str, Any]]:
    # half a second, which other campaigns need not wait for
    from scipy.stats import qmc  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    engine = qmc.Sobol(len(study.spaces), scramble=True, rng=study.seed)
    if first:
        engine.fast_forward(first)
    for _ in range(count):
        shares: list[float] = engine.random(1)[0].tolist()
        yield {unit: _at(space, share) for (unit, space), share in zip(study.spaces.items(), shares, strict=True)}


def _at(space: Space, share: float) -> Any:
    if isinstance(space, Choices):
        return space.choices[min(int(share * len(space.choices)), len(space.choices) - 1)]
    return space.at(share)


def _by_optuna(
    study: StudySpec, searched: Sequence[Trial], count: int, tried: Tried, sampler: Callable[[Any, int], Any]
) -> list[dict[str, Any]]:
    """What a sampler asks for. Of what was tried before it is asked again; where it knows nothing else, one of those
    that are left is drawn."""
    import optuna  # noqa: PLC0415  a second, which other campaigns need not wait for

    known, dimensions = rebuilt(study, searched)
    distributions = {unit: dimension.distribution for unit, dimension in dimensions.items()}

    def asked(seed: int) -> dict[str, Any]:
        known.sampler = sampler(optuna, seed)
        inner = known.ask(distributions).params
        return {unit: dimension.outer(inner[unit]) for unit, dimension in dimensions.items()}

    units, numbers = list[dict[str, Any]](), range(len(searched), len(searched) + count)
    seeds = ([_seed(study.seed, number, again) for again in range(1 + TRIES)] for number in numbers)
    for first, *others in seeds:
        found = tried.new(map(asked, [first, *others]), 1) or _drawn(study, tried, first)
        for each in found:
            tried.add(each)
        units += found
    return units


def _drawn(study: StudySpec, tried: Tried, seed: int) -> list[dict[str, Any]]:
    """One of those that are left, where they can be gone through and there are any."""
    unlike = left(study, tried, MOST_COMBINATIONS)
    return [unlike[seed % len(unlike)]] if unlike else []


def rebuilt(study: StudySpec, searched: Sequence[Trial]) -> tuple[Any, "dict[str, _Dimension]"]:
    """These trials as a study of Optuna's, which minimizes costs; and its dimensions, by unit."""
    import optuna  # noqa: PLC0415  as above

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    dimensions = {unit: _dimension(optuna, space) for unit, space in study.spaces.items()}
    ways: list[Literal["minimize"]] = ["minimize"] * len(study.objectives)
    known = optuna.create_study(directions=ways)
    worst = _worst(study.objectives, searched)
    for trial in searched:
        known.add_trial(_known(optuna, study, dimensions, trial, worst))
    return known, dimensions


def _tpe(optuna: Any, seed: int, startup: int) -> Any:
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)


def _seed(seed: int, number: int, again: int = 0) -> int:
    said = f"{seed} {number} {again}" if again else f"{seed} {number}"
    return int.from_bytes(sha256(said.encode()).digest()[:4], "big")


@dataclass(frozen=True)
class _Dimension:
    """A unit as Optuna sees it: choices and steps by their number."""

    distribution: Any
    inner: Callable[[Any], Any]
    outer: Callable[[Any], Any]


def _dimension(optuna: Any, space: Space) -> _Dimension:
    kinds = optuna.distributions
    if isinstance(space, Choices):
        numbers = list(range(len(space.choices)))
        return _Dimension(kinds.CategoricalDistribution(numbers), space.choices.index, space.choices.__getitem__)
    if space.count is not None:
        return _Dimension(kinds.IntDistribution(0, space.count - 1), space.number, space.nth)
    kind = kinds.IntDistribution if space.whole else kinds.FloatDistribution
    return _Dimension(kind(space.low, space.high, log=space.scale == "log"), _as_it_is, _rounded(space))


def _as_it_is(value: Any) -> Any:
    return value


def _rounded(space: Range) -> Callable[[Any], Any]:
    """Twelve figures are more than any unit needs, and less than what JSON and logarithms disagree in."""
    return _as_it_is if space.whole else lambda value: min(max(float(f"{value:.12g}"), space.low), space.high)


def _worst(objectives: Sequence[Objective], searched: Sequence[Trial]) -> list[float]:
    """The largest cost of each objective so far: what a run that failed is taken for."""
    costs = [_costs(objectives, trial) for trial in searched]
    known = [found for found in costs if found]
    return [max((found[place] for found in known), default=0.0) for place in range(len(objectives))]


def _costs(objectives: Sequence[Objective], trial: Trial) -> list[float] | None:
    values = [trial.values.get(objective.measure) for objective in objectives]
    costs = [each.cost(value) for each, value in zip(objectives, values, strict=True) if value is not None]
    return costs if len(costs) == len(objectives) else None


def _known(
    optuna: Any, study: StudySpec, dimensions: dict[str, _Dimension], trial: Trial, worst: Sequence[float]
) -> Any:
    states = optuna.trial.TrialState
    common: dict[str, Any] = {
        "params": {unit: dimension.inner(trial.units[unit]) for unit, dimension in dimensions.items()},
        "distributions": {unit: dimension.distribution for unit, dimension in dimensions.items()},
    }
    if not trial.settled:
        return optuna.create_trial(state=states.RUNNING, **common)
    if trial.pruned and trial.curve:
        return optuna.create_trial(state=states.PRUNED, intermediate_values=dict(trial.curve), **common)
    if trial.state is TrialState.CANCELLED or not trial.comparable:
        return optuna.create_trial(state=states.FAIL, **common)
    costs = _costs(study.objectives, trial)
    constraints = {str(n): _excess(each, trial) for n, each in enumerate(study.subject_to)}
    constraints |= {FAILED: 0.0 if costs else 1.0}
    return optuna.create_trial(values=costs or worst, constraints=constraints, **common)


def _excess(constraint: Any, trial: Trial) -> float:
    value = trial.values.get(constraint.measure)
    return 1.0 if value is None else constraint.excess(value)
