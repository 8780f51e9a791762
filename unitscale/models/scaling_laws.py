"""Scaling laws: how a loss follows from parameters N and tokens D, asked and answered."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from unitscale.models.document import Answer, Document, JobId, Measure

MOST_POINTS = 5_000
MOST_JOBS = 500
MOST_REFITS = 2_000
FEWEST_REFITS = 50
MOST_PREDICTIONS = 200
MOST_POINTS_REFITTED = 1_000_000
"""Points times refits: what takes some seconds."""

Count = Annotated[float, Field(ge=1, le=1e18)]
Loss = Annotated[float, Field(ge=1e-9, le=1e6)]
Compute = Annotated[float, Field(ge=1, le=1e40)]


def _each_once(jobs: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(jobs)) < len(jobs):
        raise ValueError("a job stands here twice; give each once")
    return jobs


Jobs = Annotated[tuple[JobId, ...], Field(min_length=1, max_length=MOST_JOBS), AfterValidator(_each_once)]


class Scale(Document):
    """How large a model is, and how many tokens it is trained on."""

    parameters: Count
    """N."""
    tokens: Count
    """D."""


class Point(Scale):
    """One finished run."""

    loss: Loss
    """In nats per token, on data that were not trained on; of the same kind for all points."""


class Wanted(Document):
    """What to predict from the law."""

    at: Annotated[tuple[Scale, ...], Field(max_length=MOST_PREDICTIONS)] = ()
    """The loss at these sizes."""
    flops: Annotated[tuple[Compute, ...], Field(max_length=MOST_PREDICTIONS)] = ()
    """The best N and D for these budgets, where 6·N·D FLOP are spent."""


class ScalingLawRequest(Document):
    """Points, or jobs to take them from."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "points": [
                        {"parameters": 1e7, "tokens": 2e8, "loss": 4.72},
                        {"parameters": 1e7, "tokens": 2e9, "loss": 3.89},
                        {"parameters": 1e8, "tokens": 2e8, "loss": 4.22},
                        {"parameters": 1e8, "tokens": 2e9, "loss": 3.36},
                        {"parameters": 1e9, "tokens": 2e9, "loss": 3.11},
                        {"parameters": 1e9, "tokens": 2e10, "loss": 2.59},
                    ],
                    "predict": {"at": [{"parameters": 1e10, "tokens": 2e11}], "flops": [1e21]},
                }
            ]
        }
    )

    points: Annotated[tuple[Point, ...], Field(min_length=1, max_length=MOST_POINTS)] | None = None
    jobs: Jobs | None = None
    """Jobs that have succeeded, of tasks on texts; each is a point."""
    form: Literal["chinchilla", "kaplan"] = "chinchilla"
    """`chinchilla`: L = E + A/N^α + B/D^β. `kaplan`: L = ((N_c/N)^(α_N/α_D) + D_c/D)^α_D."""
    predict: Wanted = Wanted()
    bootstrap: Literal[0] | Annotated[int, Field(ge=FEWEST_REFITS, le=MOST_REFITS)] = 200
    """Refits, each to as many points drawn with replacement, that intervals are read from; 0: no intervals."""
    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] = 0
    """Of the draws: the same seed and points give the same intervals."""

    @model_validator(mode="after")
    def _from_one_source(self) -> Self:
        if (self.points is None) == (self.jobs is None):
            raise ValueError("give points, or jobs to take them from")
        return self

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        most = MOST_POINTS_REFITTED // (len(self.points) if self.points else 1)
        if self.bootstrap > most:
            raise ValueError(f"so many points can be refitted {most:,} times; give that as bootstrap, or fewer points")
        return self


class Interval(Answer):
    """The middle 95 % of the refits."""

    low: Measure
    high: Measure


class FittedPoint(Answer):
    """A point as it was fitted."""

    parameters: Measure
    tokens: Measure
    loss: Measure
    job: JobId | None = None


class Doubt(Answer):
    """A reason not to trust the law, and what to do about it."""

    code: str
    """A word for programs: `far_off_points`, `extrapolation`, …"""
    detail: str
    points: tuple[int, ...] = ()
    """Places in `points` that it is about; none where it is about the whole."""


class PredictedLoss(Answer):
    """The loss that the law gives a size."""

    parameters: Measure
    tokens: Measure
    loss: Measure
    interval: Interval | None = None
    """Of the law, not of a single run, which has noise of its own."""


class Optimum(Answer):
    """The sizes that make the most of a budget of 6·N·D FLOP."""

    flops: Measure
    parameters: Measure
    tokens: Measure
    loss: Measure
    parameters_interval: Interval | None = None
    tokens_interval: Interval | None = None
    loss_interval: Interval | None = None


class LawPredictions(Answer):
    """What was asked for, in its order."""

    at: tuple[PredictedLoss, ...] = ()
    flops: tuple[Optimum, ...] = ()


class ScalingLaw(Answer):
    """A fitted law. Its intervals and predictions are as good as its points: see `warnings`."""

    form: str
    fit: dict[str, Measure]
    """`chinchilla`: E, A, B, alpha, beta. `kaplan`: N_c, D_c, alpha_N, alpha_D."""
    intervals: dict[str, Interval]
    """Of the same numbers; empty without refits."""
    residuals: tuple[Measure, ...]
    """log(loss) less what the law gives, point by point."""
    spread: Measure
    """How far points typically lie from the law: 1.48 times the median, which is the deviation of a normal noise. As
    many of the nearest as the form has numbers are left out: it passes through them."""
    points: tuple[FittedPoint, ...]
    warnings: tuple[Doubt, ...]
    predictions: LawPredictions
    counting: str
    """How parameters, tokens and losses are counted."""
