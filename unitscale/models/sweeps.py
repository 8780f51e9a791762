"""A sweep: one spec over a grid, or a list, of values for any of its fields."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from unitscale.errors import Malformed, Unsupported
from unitscale.models import measures
from unitscale.models.axes import MOST_NAMED, Path, Setting, Values, grid, held_twice, pointer_to, repeats, varied
from unitscale.models.campaigns import Campaign, SweepId
from unitscale.models.document import Answer, Document, JobId, Measure
from unitscale.models.measures import Objective, of_process
from unitscale.models.offers import Need
from unitscale.models.specs import JobSpec, Name

MOST_JOBS = 1024


class SweepSpec(Document):
    """`base` varied along `axes`, every combination; or by each of `settings` in turn."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "which rate",
                    "base": {"task": "regression", "dataset": "linear", "optimizer": {"name": "sgd"}},
                    "axes": {"units.learning_rate": [0.01, 0.03, 0.1, 0.3], "seed": [0, 1]},
                }
            ]
        }
    )

    name: Name | None = None
    base: JobSpec
    axes: Annotated[dict[Path, Values], Field(max_length=16)] = {}
    """Field of the spec, by dotted path → its values."""
    settings: Annotated[tuple[Setting, ...], Field(max_length=MOST_JOBS)] = ()
    """A list in place of a grid: each entry sets fields of the spec, by dotted path."""
    objective: Objective = Objective(minimize="val_loss")
    """What the best job is best in."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.axes) == bool(self.settings):
            raise ValueError("give one of axes or settings")
        if self.size > MOST_JOBS:
            raise ValueError(f"{self.size} jobs are too many: a sweep has at most {MOST_JOBS}")
        return self

    @property
    def size(self) -> int:
        """How many jobs it makes."""
        size = 1
        for values in self.axes.values():
            size *= len(values)
        return len(self.settings) or size

    def points(self) -> list[dict[str, Any]]:
        """What each job sets, in the order of their places."""
        return list(self.settings) or grid(self.axes)


class BestJob(Answer):
    """The job with the best measure so far."""

    job: JobId
    value: Measure
    setting: dict[str, Any]
    """What it sets."""


class Sweep(Campaign):
    """A sweep as it stands."""

    id: SweepId
    objective: Objective
    axes: dict[str, tuple[Any, ...]] = {}
    best: BestJob | None = None
    """Of the jobs that have succeeded; of times on different hardware none is the best."""


def check(sweep: SweepSpec) -> None:
    """Raises Malformed, naming every value and every setting that stands there twice, and fields that are set twice."""
    wrong = held_twice(sweep.axes, "/axes")
    wrong += [each for path, values in sweep.axes.items() for each in repeats(values, pointer_to("/axes", path))]
    wrong += repeats(sweep.settings, "/settings")
    for number, setting in enumerate(sweep.settings):
        wrong += held_twice(setting, f"/settings/{number}")
    if wrong:
        raise Malformed(f"The sweep says something twice. {wrong[0][0]}: {wrong[0][1]}", tuple(wrong[:MOST_NAMED]))


def blamed(sweep: SweepSpec, number: int, error: Unsupported) -> Unsupported:
    """The same refusal of a job's spec, with pointers into the sweep."""
    own = {"/" + path.replace(".", "/"): _pointer(sweep, number, path) for path in sweep.points()[number]}

    def mine(pointer: str) -> str:
        return next((own[field] for field in own if f"{pointer}/".startswith(f"{field}/")), f"/base{pointer}")

    return Unsupported(error.message, tuple((mine(pointer), detail) for pointer, detail in error.fields))


def check_apart(sweep: SweepSpec, jobs: Sequence[JobSpec]) -> None:
    """Raises Malformed where two of its jobs are the same, though they are written in different words."""
    firsts: dict[str, int] = {}
    for number, job in enumerate(jobs):
        first = firsts.setdefault(job.model_dump_json(), number)
        if first != number:
            one, other = (sweep.points()[place] for place in (first, number))
            unlike = next((path for path in other if repr(one.get(path)) != repr(other[path])), "")
            pointer = f"/settings/{number}" if sweep.settings else pointer_to("/axes", unlike)
            detail = f"{json.dumps(other)} is the same job as {json.dumps(one)}."
            raise Malformed(f"{pointer}: {detail}", ((pointer, detail),))


def planned(sweep: SweepSpec) -> list[JobSpec]:
    """Its jobs' specs, in the order of their places. Raises Malformed, naming the axis, or the setting, to blame.

    Where the best is told by what is measured of the process, each has one of its own.
    """
    specs = (
        varied(sweep.base, point, {path: _pointer(sweep, number, path) for path in point})
        for number, point in enumerate(sweep.points())
    )
    return [spec.by_itself() if of_process(sweep.objective.measure) else spec for spec in specs]


def needed(requested: Mapping[str, Any], _: Mapping[str, Any]) -> list[Need]:
    """What its jobs need of their workers beside what their specs say."""
    return measures.needed([SweepSpec.model_validate(requested).objective.measure])


def _pointer(sweep: SweepSpec, number: int, path: str) -> str:
    return pointer_to(f"/settings/{number}" if sweep.settings else "/axes", path)
