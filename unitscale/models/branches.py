"""Branches: jobs that go on with the run of another, whose optimizer they keep."""

from typing import TypeVar

from unitscale.errors import Unsupported
from unitscale.models.document import Document
from unitscale.models.jobs import Job
from unitscale.models.specs import Budget, JobSpec

Word = TypeVar("Word", bound=Document)


def branched(spec: JobSpec, origin: JobSpec) -> JobSpec:
    """The spec, with what its origin's run hangs on where it says nothing."""
    units = origin.units.model_copy(update={"tune": (), "rule": None})
    return spec.model_copy(
        update={
            "data": _under(spec.data, origin.data),
            "units": _under(spec.units, units),
            "optimizer": _under(spec.optimizer, origin.optimizer),
            "schedule": _under(spec.schedule, origin.schedule),
            "batch_schedule": _under(spec.batch_schedule, origin.batch_schedule),
            "budget": _length(spec.budget, origin.budget),
            "seed": spec.seed if "seed" in spec.model_fields_set else origin.seed,
        }
    )


def check(spec: JobSpec, origin: Job, steps: int) -> None:
    """Whether a resolved spec of so many steps can go on with its origin's run. Raises Unsupported."""
    if spec.init_from is None or spec.init_from.optimizer == "reset":
        return
    auto = "A run that goes on has its units: give numbers in place of auto."
    over = f"The run stands at step {spec.after} and its budget comes to {steps}: it counts the steps before, too."
    fields = (
        *((("/units", auto),) if spec.units.tune else ()),
        *_unlike(spec, origin.spec, origin.id),
        *((("/budget", over),) if steps <= spec.after else ()),
    )
    if fields:
        raise Unsupported(f"The spec cannot go on with the run of {origin.id}: {fields[0][1]}", fields)


def _unlike(spec: JobSpec, origin: JobSpec, name: str) -> list[tuple[str, str]]:
    """What the state of an optimizer and the place in the data hang on, where it is another."""
    pairs = (
        ("/optimizer", _state(spec), _state(origin)),
        ("/units/batch_size", spec.units.batch_size, origin.units.batch_size),
        ("/batch_schedule/name", spec.batch_schedule.name, origin.batch_schedule.name),
        (
            "/batch_schedule/initial_batch_size",
            spec.batch_schedule.initial_batch_size,
            origin.batch_schedule.initial_batch_size,
        ),
        ("/batch_schedule/ramp_steps", spec.batch_schedule.ramp_steps, origin.batch_schedule.ramp_steps),
        ("/data/fraction", spec.data.fraction, origin.data.fraction),
        ("/data/tokenizer", spec.data.tokenizer, origin.data.tokenizer),
        ("/data/vocabulary", spec.data.vocabulary, origin.data.vocabulary),
    )
    return [
        (pointer, f"The run of {name} has {there}, not {here}; that may change where the optimizer is reset.")
        for pointer, here, there in pairs
        if here != there
    ]


def _under(word: Word, origin: Word) -> Word:
    """A document with the origin's words under what its caller said; who names another kind gets none of them."""
    said = {field: getattr(word, field) for field in word.model_fields_set}
    if said.get("name", getattr(origin, "name", None)) != getattr(origin, "name", None):
        return word
    return origin.model_copy(update=said)


def _length(budget: Budget, origin: Budget) -> Budget:
    if budget.steps or budget.epochs or budget.tokens:
        return budget
    return budget.model_copy(update={word: getattr(origin, word) for word in ("steps", "epochs", "tokens")})


def _state(spec: JobSpec) -> str:
    """An optimizer, by what decides which state it has."""
    return f"{spec.optimizer.name} with momentum" if spec.optimizer.momentum else str(spec.optimizer.name)
