"""Which units to try next: samplers over the trials that the record holds.

Each trial is asked for by a sampler of its own, seeded by the study's seed and the trial's number, over a study that is
rebuilt from the record. So whoever asks, and however often, is told the same.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from unitscale.models.measures import Objective
from unitscale.models.spaces import Choices, Range, Space
from unitscale.models.studies import StudySpec, Trial, TrialState
from unitscale.models.trials import swept
from worker.campaigns.search import independent
from worker.campaigns.search.independent import Asked

MOST_STARTUP_TRIALS = 10
LEAST_STARTUP_TRIALS = 4
FAILED = "failed"


def ask(study: StudySpec, searched: Sequence[Trial], count: int) -> Asked:
    """The next trials after these, at most so many; none where there is nothing left to try."""
    return SAMPLERS[study.sampler](study, searched, count)


def _modelled(study: StudySpec, searched: Sequence[Trial], count: int) -> Asked:
    startup = _startup(study)
    learnt = sum(trial.settled for trial in searched)
    units = _by_optuna(study, searched, count, lambda optuna, seed: _tpe(optuna, seed, startup))
    if learnt < startup:
        return Asked(units, f"Drawn at random: the sampler begins to learn at {startup} trials, {learnt} have ended.")
    return Asked(units, f"Where {learnt} trials so far make a good value likely, compared with a bad one.")


def _random(study: StudySpec, searched: Sequence[Trial], count: int) -> Asked:
    units = _by_optuna(study, searched, count, lambda optuna, seed: optuna.samplers.RandomSampler(seed=seed))
    return Asked(units, "Drawn at random.")


def _quasi_random(study: StudySpec, searched: Sequence[Trial], count: int) -> Asked:
    numbers = range(len(searched), len(searched) + count)
    return Asked([_sobol(study, number) for number in numbers], "The next points of a sequence that leaves no gaps.")


def _grid(study: StudySpec, searched: Sequence[Trial], count: int) -> Asked:
    axes = swept(study)
    size = math.prod(len(values) for values in axes.values())
    numbers = range(len(searched), min(size, len(searched) + count))
    return Asked([_combination(axes, number) for number in numbers], f"The next of {size} combinations.")


SAMPLERS: dict[str, Callable[[StudySpec, Sequence[Trial], int], Asked]] = {
    "tpe": _modelled,
    "random": _random,
    "quasi-random": _quasi_random,
    "grid": _grid,
    "independent": independent.ask,
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


def _sobol(study: StudySpec, number: int) -> dict[str, Any]:
    # half a second, which other campaigns need not wait for
    from scipy.stats import qmc  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    engine = qmc.Sobol(len(study.spaces), scramble=True, rng=study.seed)
    if number:
        engine.fast_forward(number)
    shares: list[float] = engine.random(1)[0].tolist()
    return {unit: _at(space, share) for (unit, space), share in zip(study.spaces.items(), shares, strict=True)}


def _at(space: Space, share: float) -> Any:
    if isinstance(space, Choices):
        return space.choices[min(int(share * len(space.choices)), len(space.choices) - 1)]
    return space.at(share)


def _by_optuna(
    study: StudySpec, searched: Sequence[Trial], count: int, sampler: Callable[[Any, int], Any]
) -> list[dict[str, Any]]:
    import optuna  # noqa: PLC0415  a second, which other campaigns need not wait for

    known, dimensions = rebuilt(study, searched)
    asked: list[dict[str, Any]] = []
    for number in range(len(searched), len(searched) + count):
        known.sampler = sampler(optuna, _seed(study.seed, number))
        inner = known.ask({unit: dimension.distribution for unit, dimension in dimensions.items()}).params
        asked.append({unit: dimension.outer(inner[unit]) for unit, dimension in dimensions.items()})
    return asked


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


def _seed(seed: int, number: int) -> int:
    return int.from_bytes(sha256(f"{seed} {number}".encode()).digest()[:4], "big")


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
