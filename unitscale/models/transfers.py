"""A transfer: does the best learning rate stay where it is when a model, a batch or a run gets larger?"""

from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from math import inf
from typing import Annotated, Any, NamedTuple, Self

from pydantic import ConfigDict, Field, computed_field, model_validator

from unitscale.errors import Malformed
from unitscale.models.axes import repeats, varied
from unitscale.models.campaigns import Campaign, TransferId
from unitscale.models.document import Answer, Document, Measure
from unitscale.models.specs import Budget, Diagnostics, Evaluation, JobSpec, Name
from unitscale.models.units import Parametrization, Positive, Schedule

MOST_JOBS = 1024
DEFAULT_OCTAVES = range(-3, 4)
"""A grid that nobody gave: the parametrization's default rate times these powers of two."""


class Axis(StrEnum):
    """What gets larger."""

    WIDTH = "width"
    DEPTH = "depth"
    BATCH_SIZE = "batch_size"
    TOKENS = "tokens"


FIELDS = {
    Axis.WIDTH: "model.width",
    Axis.DEPTH: "model.depth",
    Axis.BATCH_SIZE: "units.batch_size",
    Axis.TOKENS: "budget.tokens",
}
"""The field of a spec that each axis sets."""
OF_MODELS = frozenset({Axis.WIDTH, Axis.DEPTH})
"""Axes along which the model grows, so that there are coordinates to check."""
STILL = 0.3
"""Octaves per doubling that count as staying put: over three doublings it comes to less than a factor of two."""
PROBED = frozenset({"transformer", "encoder", "mlp"})
"""Kinds of models whose coordinates are measured."""

Values = Annotated[tuple[Annotated[int, Field(ge=1, le=10**15)], ...], Field(min_length=2, max_length=8)]
Rates = Annotated[tuple[Positive, ...], Field(min_length=3, max_length=32)]


class TransferSpec(Document):
    """`base` at each of the values along the axis, under each parametrization, at each rate of a grid, with several
    seeds. What the base says of these fields is set aside."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "does the rate stay put",
                    "base": {"task": "text-generation", "dataset": "grammar", "budget": {"steps": 150}},
                    "axis": "width",
                    "values": [32, 64, 128],
                    "parametrizations": ["sp", "u-mup"],
                    "seeds": 3,
                }
            ]
        }
    )

    name: Name | None = None
    base: JobSpec
    axis: Axis = Axis.WIDTH
    values: Values | None = None
    """Widths, depths, batch sizes or tokens."""
    widths: Values | None = None
    """The values, where the axis is `width`."""
    parametrizations: Annotated[tuple[Parametrization, ...], Field(min_length=1, max_length=3)] = (
        Parametrization.SP,
        Parametrization.UMUP,
    )
    learning_rates: Rates | dict[Parametrization, Rates] | None = None
    """A grid for all parametrizations, or one for each. Null, or left out: seven rates, each twice the one before,
    about the parametrization's default, the same at every value."""
    seeds: Annotated[int, Field(ge=1, le=8)] = 3
    """Runs of each setting: seeds that follow on the base's."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        if (self.values is None) == (self.widths is None):
            raise ValueError("give one of values or widths")
        if self.widths is not None and self.axis is not Axis.WIDTH:
            raise ValueError(f"widths belong to the axis width; give values for {self.axis.value}")
        return self

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if isinstance(self.learning_rates, dict):
            for name in self.learning_rates:
                if name not in self.parametrizations:
                    raise ValueError(f"learning_rates has a grid for {name.value}, which is not to be trained")
        if self.base.units.batch_size == "auto" and self.axis is not Axis.BATCH_SIZE:
            raise ValueError("every run of a transfer has the same batch: give base.units.batch_size a number")
        if self.size > MOST_JOBS:
            raise ValueError(f"{self.size} jobs are too many: a transfer begins with at most {MOST_JOBS}")
        return self

    @property
    def given(self) -> tuple[int, ...]:
        """The values as they were sent."""
        return self.values or self.widths or ()

    @property
    def ascending(self) -> list[int]:
        """The values, the smallest first."""
        return sorted(self.given)

    @property
    def size(self) -> int:
        """How many jobs its first grid makes."""
        rates = sum(len(self.grid(name) or DEFAULT_OCTAVES) for name in self.parametrizations)
        return len(self.given) * rates * self.seeds

    def grid(self, name: Parametrization) -> tuple[float, ...] | None:
        """The rates that were given for it."""
        return self.learning_rates.get(name) if isinstance(self.learning_rates, dict) else self.learning_rates


def check(spec: TransferSpec) -> None:
    """Raises Malformed, naming every value, parametrization and rate that stands there twice."""
    values = "/widths" if spec.values is None else "/values"
    wrong = [*repeats(spec.given, values), *repeats(spec.parametrizations, "/parametrizations")]
    if isinstance(spec.learning_rates, dict):
        wrong += [
            each for name, grid in spec.learning_rates.items() for each in repeats(grid, f"/learning_rates/{name}")
        ]
    else:
        wrong += repeats(spec.learning_rates or (), "/learning_rates")
    if wrong:
        raise Malformed(f"The transfer says something twice. {wrong[0][0]}: {wrong[0][1]}", tuple(wrong))


class Trial(NamedTuple):
    """A setting that is trained with every seed."""

    parametrization: str
    value: int
    rate: float


class Trials(Answer):
    """What was decided: the rates that are tried, round by round."""

    model: str
    """The kind of model."""
    seeds: int
    probes: tuple[Trial, ...] = ()
    """Single steps, each by one job, whose places come first: the coordinate check."""
    rounds: tuple[tuple[Trial, ...], ...]

    @property
    def places(self) -> dict[Trial, int]:
        """Trial → the place of its first seed's job."""
        seeds = self.seeds
        return {trial: len(self.probes) + number * seeds for number, trial in enumerate(self.all)}

    @property
    def size(self) -> int:
        """How many jobs there are."""
        return len(self.probes) + len(self.all) * self.seeds

    @property
    def all(self) -> list[Trial]:
        """In the order in which their jobs stand."""
        return [trial for each in self.rounds for trial in each]


def begun(spec: TransferSpec, model: str, centers: Mapping[str, float]) -> Trials:
    """The first grid: nothing is assumed of how rates move along the axis."""
    grids = {
        name: sorted(spec.grid(name) or [centers[name] * 2.0**octave for octave in DEFAULT_OCTAVES])
        for name in spec.parametrizations
    }
    lines = list(product(spec.parametrizations, spec.ascending))
    first = tuple(Trial(name.value, value, rate) for name, value in lines for rate in grids[name])
    probes = [Trial(name.value, value, grids[name][len(grids[name]) // 2]) for name, value in lines]
    probed = spec.axis in OF_MODELS and model in PROBED
    return Trials(model=model, seeds=spec.seeds, probes=tuple(probes) if probed else (), rounds=(first,))


def planned(spec: TransferSpec, trials: Trials) -> list[JobSpec]:
    """Its jobs' specs, in the order of their places. Raises Malformed, naming the field to blame."""
    probes = [_probe(job_of(spec, trial, 0)) for trial in trials.probes]
    return probes + [job_of(spec, trial, seed) for trial in trials.all for seed in range(spec.seeds)]


def _probe(job: JobSpec) -> JobSpec:
    """The first step alone, at the whole rate."""
    alone: dict[str, Any] = {
        "budget": Budget(steps=1),
        "schedule": Schedule(),
        "diagnostics": Diagnostics(scales_every=1),
        "evaluation": Evaluation(),
    }
    return job.model_copy(update=alone)


def planned_again(requested: dict[str, Any], decided: dict[str, Any]) -> list[JobSpec]:
    """The same from the record."""
    return planned(TransferSpec.model_validate(requested), Trials.model_validate(decided))


def job_of(spec: TransferSpec, trial: Trial, seed: int) -> JobSpec:
    """The spec of one run. Raises Malformed, naming the field to blame."""
    setting: dict[str, Any] = {
        "units.parametrization": trial.parametrization,
        "units.learning_rate": trial.rate,
        FIELDS[spec.axis]: trial.value,
        "seed": spec.base.seed + seed,
    }
    if trial.parametrization == Parametrization.MUP and spec.axis is Axis.WIDTH:
        setting["units.base_width"] = spec.base.units.base_width or spec.ascending[0]
    pointers = dict.fromkeys(setting, "/base/units") | {
        FIELDS[spec.axis]: pointer_of(spec, trial.value),
        "units.learning_rate": "/learning_rates",
        "seed": "/base/seed",
    }
    return varied(_without(spec, trial.parametrization), setting, pointers)


def pointer_of(spec: TransferSpec, value: int) -> str:
    """Where a value stood in the body."""
    return f"/{'widths' if spec.values is None else 'values'}/{spec.given.index(value)}"


def _without(spec: TransferSpec, name: str) -> JobSpec:
    """The base without what belongs to another parametrization, or to another length."""
    base = spec.base
    dropped = {"learning_rate", "tune", "rule"}
    dropped |= {"alphas"} if name != Parametrization.UMUP else set()
    dropped |= {"base_width"} if name != Parametrization.MUP else set()
    units = {field: getattr(base.units, field) for field in base.units.model_fields_set - dropped}
    changed: dict[str, Any] = {"units": type(base.units).model_validate(units)}
    if spec.axis is Axis.TOKENS:
        kept = base.budget.model_fields_set - {"steps", "epochs", "tokens"}
        budget = {field: getattr(base.budget, field) for field in kept}
        changed["budget"] = type(base.budget).model_validate(budget)
    return base.model_copy(update=changed)


class AtValue(Answer):
    """One parametrization at one value of the axis: loss against learning rate."""

    value: int
    width: int | None = None
    """The value, where the axis is `width`."""
    learning_rates: tuple[float, ...]
    losses: tuple[Measure, ...]
    """At each rate, on the validation split, the mean over seeds; null where a seed diverged or has not ended."""
    seeds: tuple[tuple[Measure, ...], ...]
    """Each seed's losses at these rates."""
    vertex: Measure = None
    """log2 of the best rate: of the parabola through the best of the grid and what lies within an octave of it."""
    learning_rate: Measure = None
    """The rate at the vertex."""
    loss: Measure = None
    """The parabola's loss there."""
    regret: Measure = None
    """By how much that exceeds the loss of SP, tuned at the same value."""
    why: str | None = None
    """Why there is no vertex."""


class Coordinates(Answer):
    """The coordinate check: by how much the first step, at one rate for all values, changes what the readout reads."""

    learning_rate: float
    changes: tuple[Measure, ...]
    """The RMS change, at each value; null where it was not measured."""
    growth: Measure = None
    """g, where the change grows as value^g: near 0 under a parametrization that transfers."""


class SeedInterval(Answer):
    """A 95 % interval."""

    low: Measure
    high: Measure

    @property
    def width(self) -> float:
        """Endless where an end is not known."""
        return inf if self.low is None or self.high is None else self.high - self.low

    @property
    def holds_zero(self) -> bool:
        """Whether what was measured may be nothing at all."""
        return self.low is not None and self.high is not None and self.low <= 0 <= self.high


class Parametrized(Answer):
    """What was found under one parametrization."""

    parametrization: Parametrization
    values: tuple[AtValue, ...]
    drift_octaves_per_doubling: Measure = None
    """How far the vertex moves for each doubling along the axis."""
    drift_interval: SeedInterval | None = None
    """By resampling seeds; null for a single seed."""
    penalty_nats: Measure = None
    """What the smallest value's best rate costs at the largest: its loss there over that of the largest's own. In the
    task's loss: nats but for regression. Null where one has no vertex, or that rate lies beyond the largest's grid."""
    penalty_interval: SeedInterval | None = None
    coordinates: Coordinates | None = None
    """Along `width` and `depth`."""

    @computed_field
    @property
    def confirmed(self) -> bool:
        """Whether several seeds agree on the drift: its interval is at most as wide as what counts as staying put, that
        is 0.6 octaves. Tuned rates go by no other."""
        return self.drift_interval is not None and self.drift_interval.width <= 2 * STILL

    @computed_field
    @property
    def widths(self) -> tuple[AtValue, ...]:
        """`values`, where the axis is `width`; else empty."""
        return tuple(each for each in self.values if each.width is not None)


class TransferResult(Answer):
    """What was found: as far as it goes while jobs still run."""

    parametrizations: tuple[Parametrized, ...] = ()
    verdict: str | None = None
    """In words; null until all is measured."""
    not_tested: tuple[Axis, ...] = ()
    """Axes along which nothing is known."""


class Transfer(Campaign):
    """A transfer as it stands."""

    id: TransferId
    axis: Axis
    values: tuple[int, ...]
    seeds: int
    model: str
    """The kind of model."""
    extensions: int = 0
    """How often grids were extended, since their best rate lay at an edge."""
    result: TransferResult
