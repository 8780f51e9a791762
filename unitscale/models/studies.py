"""A study: units searched under constraints until a target is reached or a budget is spent."""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from unitscale.models.axes import Path
from unitscale.models.campaigns import Campaign, StudyId
from unitscale.models.document import Answer, Document, JobId, Measures, Moment
from unitscale.models.jobs import ENDED, State
from unitscale.models.measures import MeasureName, Objective
from unitscale.models.spaces import Space, fitting, path_of
from unitscale.models.specs import JobSpec, Name

MOST_TRIALS = 1000
Bound = Annotated[float, Field(ge=-1e15, le=1e15)]
Sampler = Literal["tpe", "random", "quasi-random", "grid", "independent"]
Pruner = Literal["none", "median", "asha"]


class Limit(Document):
    """A bound from one side."""

    at_most: Bound | None = None
    at_least: Bound | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("give one of at_most or at_least")
        return self

    def excess(self, value: float) -> float:
        """By how much a value lies outside; at most 0 where it holds."""
        return value - self.at_most if self.at_most is not None else (self.at_least or 0.0) - value


class Constraint(Limit):
    """What a measure must hold for a trial to count."""

    measure: MeasureName


class StudyBudget(Document):
    """How much a study may try."""

    trials: Annotated[int, Field(ge=1, le=MOST_TRIALS)] = 20
    """Trials of the search; the best are run again beside these."""
    max_seconds: Annotated[float, Field(gt=0, le=31_536_000)] | None = None
    """Seconds from its beginning after which the search ends: trials that still run are called off."""


class Confirmation(Document):
    """The best trials are run again with seeds that no trial has seen: a lucky run is not a good one."""

    best: Annotated[int, Field(ge=0, le=10)] = 3
    """How many; 0: the best trial wins as it is."""
    seeds: Annotated[int, Field(ge=1, le=9)] = 3
    """Runs of each. What counts is their median."""


def _number_of(objective: Any) -> str | None:
    """One, or several: as the union names its branches, so that no field of a body is called alike."""
    if isinstance(objective, (list, tuple)):
        return "<several>"
    return "<one>" if isinstance(objective, (dict, Objective)) else None


Objectives = Annotated[
    Annotated[Objective, Tag("<one>")]
    | Annotated[Annotated[tuple[Objective, ...], Field(min_length=1, max_length=2)], Tag("<several>")],
    Discriminator(
        _number_of,
        custom_error_type="objective",
        custom_error_message="give a measure to minimize or maximize, or a list of two such",
    ),
]


class StudySpec(Document):
    """The search for the units under which `base` does best."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "rate and batch",
                    "base": {"task": "regression", "dataset": "diabetes", "model": {"kind": "mlp"}},
                    "objective": {"minimize": "val_loss"},
                    "subject_to": [{"measure": "metrics.r2", "at_least": 0.3}],
                    "units": {
                        "learning_rate": {"low": 0.0001, "high": 0.1, "scale": "log"},
                        "batch_size": {"choices": [16, 32, 64]},
                    },
                    "target": {"at_most": 0.5},
                    "budget": {"trials": 20},
                    "parallel": 4,
                }
            ]
        }
    )

    name: Name | None = None
    base: JobSpec
    """What all trials have in common, its seed among it."""
    objective: Objectives = Objective(minimize="val_loss")
    """A measure, or two for a front of compromises."""
    subject_to: Annotated[tuple[Constraint, ...], Field(max_length=8)] = ()
    """A trial that breaks one never wins."""
    units: Annotated[dict[Path, Space], Field(min_length=1, max_length=16)]
    """What is searched, by name or by dotted path: `learning_rate`, `batch_size`, `alphas.res`, `model.width`,
    `optimizer.weight_decay`."""
    target: Limit | None = None
    """The value of the objective that ends the search."""
    budget: StudyBudget = StudyBudget()
    parallel: Annotated[int, Field(ge=1, le=64)] = 4
    """Trials at a time."""
    asynchronous: bool = False
    """Ask for another trial when one has ended, not when all that were asked for together have."""
    sampler: Sampler = "tpe"
    """`tpe` learns from the trials so far; `independent`: the learning rate first, then each other unit alone, then all
    together."""
    pruner: Pruner = "none"
    """Calls off trials whose validation loss falls behind: below the `median`, or out of the best third (`asha`)."""
    confirmation: Confirmation = Confirmation()
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """Of the sampler."""

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """One, or two."""
        return self.objective if isinstance(self.objective, tuple) else (self.objective,)

    @property
    def measures(self) -> tuple[str, ...]:
        """Of the objectives and the constraints, each once."""
        names = [*(objective.measure for objective in self.objectives), *(each.measure for each in self.subject_to)]
        return tuple(dict.fromkeys(names))

    @property
    def spaces(self) -> dict[str, Space]:
        """What is searched, as the fields take it."""
        return {unit: fitting(space, path_of(unit)) for unit, space in self.units.items()}


class TrialState(StrEnum):
    """Where a trial stands: as its job does, or refused before there was one."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


SETTLED = frozenset({TrialState.REFUSED, *(TrialState(state.value) for state in ENDED)})


class Trial(Answer):
    """One choice of units, and what came of it."""

    place: int
    """Its job's among the study's."""
    job: JobId
    units: dict[str, Any]
    seed: int
    again: int | None = None
    """The place of the trial that this one runs again with another seed."""
    state: TrialState = TrialState.QUEUED
    values: Measures = {}
    """Measures of the objective and the constraints."""
    feasible: bool | None = None
    """Whether it has all measures and holds all constraints; null while it runs."""
    pruned: bool = False
    note: str | None = None
    """Why it does not count, in words."""
    comparable: bool = True
    """False where what is compared tells of time and it ran on other hardware than the first trial did."""
    hardware: str | None = None
    """What it ran on."""
    curve: tuple[tuple[int, float], ...] = ()
    """Validation losses by step, where a pruner looks at them."""

    @property
    def settled(self) -> bool:
        """Whether nothing more will be known of it."""
        return self.state in SETTLED


class Iteration(Answer):
    """One decision: what was asked for, why, and what was measured."""

    number: int
    decided_at: Moment
    asked_by: str
    """The sampler, or `confirmation`."""
    why: str
    trials: tuple[Trial, ...]
    best: int | None = None
    """The place of the best trial when it was over."""


class Candidate(Answer):
    """A choice of units that may win, with its measures: of one run, or medians of several."""

    place: int
    """Of its first trial."""
    job: JobId
    """Of several runs the one in the middle."""
    units: dict[str, Any]
    values: Measures
    runs: int = 1
    """Runs with fresh seeds that the measures are medians of; 1: the trial itself, which nothing confirms."""
    confirmed: bool = False
    spread: dict[str, tuple[float, float]] = {}
    """The lowest and the highest that several runs with fresh seeds gave, by measure."""
    test_metrics: Measures = {}
    """Of the winner, once the study is over: medians on the test split, which nothing was chosen by."""

    def covers(self, other: "Candidate", objectives: tuple[Objective, ...]) -> bool:
        """Whether another's objectives all lie within its spread: the two are not distinguishable."""
        pairs = ((self.spread.get(each.measure), other.values.get(each.measure)) for each in objectives)
        return all(spread and value is not None and spread[0] <= value <= spread[1] for spread, value in pairs)


class Progress(Document):
    """What a study has decided and found so far: its record."""

    iterations: tuple[Iteration, ...] = ()
    best: Candidate | None = None
    winner: Candidate | None = None
    runner_up: Candidate | None = None
    front: tuple[Candidate, ...] = ()
    importances: dict[str, float] = {}
    reached: bool = False
    summary: str = ""

    @property
    def trials(self) -> list[Trial]:
        """All of them, in the order of their places."""
        return [trial for iteration in self.iterations for trial in iteration.trials]

    @property
    def hardware(self) -> str | None:
        """What the first trial that was trained ran on."""
        return next((trial.hardware for trial in self.trials if trial.hardware), None)


class Study(Campaign):
    """A study as it stands."""

    id: StudyId
    objectives: tuple[Objective, ...]
    target: Limit | None = None
    iterations: tuple[Iteration, ...] = ()
    best: Candidate | None = None
    """The best so far, of those that hold all constraints."""
    winner: Candidate | None = None
    """What the study recommends, once it is over."""
    runner_up: Candidate | None = None
    """The next best of those that were run again."""
    front: tuple[Candidate, ...] = ()
    """Of two objectives: those that no other beats in both."""
    importances: dict[str, float] = {}
    """How much of the difference between trials each unit makes; they add up to 1."""
    reached: bool = False
    """Whether the target was reached, by medians where trials were confirmed."""
    summary: str = ""
    """In words."""


def state_of(state: State) -> TrialState:
    """A job's state as a trial's."""
    return TrialState(state.value)
