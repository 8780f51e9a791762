"""Advice: recommended units of training, why, and what to expect of them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, PlainSerializer

from unitscale.models.campaigns import TransferId
from unitscale.models.document import Answer, Document, JobId, Measure
from unitscale.models.specs import JobSpec
from unitscale.models.tuned import Rule
from unitscale.models.units import Parametrization

MOST_JOBS = 500
"""Past jobs that advice may name."""
MOST_PAST = 1000
"""Of the project's newest jobs, those that are looked at where none are named."""

Sure = Literal["low", "medium", "high"]
Coefficient = Annotated[float, Field(gt=0, le=1e12)]
Exponent = Annotated[float, Field(gt=0, le=4)]


def _each_once(jobs: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(jobs)) < len(jobs):
        raise ValueError("a job stands here twice; give each once")
    return jobs


class MeasuredRule(Rule):
    """How the best rate moved with the width where that was measured."""

    parametrization: Parametrization


class FittedLaw(Document):
    """A scaling law as `/v1/scaling-laws` fits it: L = E + A/N^α + B/D^β, in nats per token."""

    E: Annotated[float, Field(ge=0, le=1e6)]
    A: Coefficient
    B: Coefficient
    alpha: Exponent
    beta: Exponent


class Known(Document):
    """What is known beside the project's own jobs."""

    transfers: Annotated[tuple[TransferId | MeasuredRule, ...], Field(max_length=32)] = ()
    """Transfers along the width, by their ids, or what one found. The first that knows the spec's parametrization goes
    before the default table. Without any: the project's own, the newest first."""
    noise_scale: Annotated[float, Field(gt=0, le=1e12)] | None = None
    """In examples; under AdamW as AdamW sees it: `result.noise.preconditioned` of a job."""
    scaling_law: FittedLaw | None = None
    jobs: Annotated[tuple[JobId, ...], Field(max_length=MOST_JOBS), AfterValidator(_each_once)] | None = None
    """Past jobs to go by. Null: those of the project's newest thousand."""


class AdviceRequest(Document):
    """A spec, filled as far as it is decided, and what is known."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "spec": {"task": "text-generation", "dataset": "shakespeare", "model": {"width": 256}},
                    "known": {"noise_scale": 120},
                }
            ]
        }
    )

    spec: JobSpec
    known: Known = Known()


class Recommended(Answer):
    """One unit of training, and why."""

    value: float | int | str
    reason: str
    jobs: tuple[JobId, ...] = ()
    """Past jobs that it was read from."""
    by_rate: tuple[tuple[float, Measure], ...] = ()
    """Of a learning rate: each rate that these jobs tried, ascending, and the mean of its losses; null where one
    diverged."""
    sure: Sure
    why_sure: str


class Expected(Answer):
    """What to expect of a measure; null where nothing is known to tell it from."""

    value: Measure
    low: Measure
    high: Measure
    reason: str
    jobs: tuple[JobId, ...] = ()
    sure: Sure
    why_sure: str


class Expectations(Answer):
    """What to expect of the completed spec."""

    training_seconds: Expected
    loss: Expected
    """On the validation split, at the end."""
    price: Expected


def _as_sent(spec: JobSpec) -> dict[str, Any]:
    return spec.model_dump(mode="json", exclude_unset=True)


class Advice(Answer):
    """Recommended units, and what to expect. Nothing was stored."""

    units: dict[Literal["learning_rate", "batch_size", "precision", "parametrization"], Recommended]
    expected: Expectations
    spec: Annotated[JobSpec, PlainSerializer(_as_sent, return_type=dict[str, Any])]
    """As it came, with the units filled in: ready to be submitted."""
    looked_at: int
    """Past jobs of this task that were looked at."""
