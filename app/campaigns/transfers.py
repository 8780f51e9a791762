"""Transfers as requests meet them: drawn up, refused by the field that is wrong, shown as they stand."""

from collections.abc import Mapping
from itertools import product
from math import inf

from app.campaigns.beginning import Begun, common
from app.services import Services
from unitscale.errors import Malformed, Unsupported
from unitscale.models import drifts
from unitscale.models.campaigns import member_id
from unitscale.models.jobs import DryRun, State
from unitscale.models.transfers import (
    FIELDS,
    Axis,
    Transfer,
    TransferResult,
    TransferSpec,
    Trial,
    Trials,
    begun,
    check,
    job_of,
    planned,
    pointer_of,
)
from unitscale.models.units import Parametrization
from unitscale.wire.campaigns import Glance, Held


async def drawn_up(services: Services, project: str, spec: TransferSpec) -> Begun:
    """The jobs of the first grid, about the default rates of what was asked for.

    Raises Unsupported, naming the field of the body that asks for what cannot be done, and Malformed where something
    is said twice, or two values come to the same.
    """
    check(spec)
    centers: dict[str, float] = {}
    kind, reached = "", dict[int, int]()
    for (number, name), value in product(enumerate(spec.parametrizations), spec.ascending):
        dry = await _resolved(services, project, spec, (number, name), value)
        centers.setdefault(name.value, float(dry.spec.units.learning_rate or 0))
        kind, reached[value] = str(dry.spec.model.kind), _reached(spec.axis, dry)
    _refuse_equals(spec, reached)
    trials = begun(spec, kind, centers)
    ready = [await services.intake.prepare(job, project) for job in planned(spec, trials)]
    return ready, trials.model_dump(mode="json")


def _reached(axis: Axis, dry: DryRun) -> int:
    """What a value comes to: of tokens the steps, of a batch no more than there are examples."""
    if axis is Axis.TOKENS:
        return dry.estimate.steps or 0
    sizes = {Axis.WIDTH: dry.spec.model.width, Axis.DEPTH: dry.spec.model.depth}
    return int(sizes.get(axis, dry.spec.units.batch_size) or 0)


def _refuse_equals(spec: TransferSpec, reached: Mapping[int, int]) -> None:
    unit = {Axis.TOKENS: "steps", Axis.BATCH_SIZE: "examples a batch"}.get(spec.axis, spec.axis.value)
    firsts: dict[int, int] = {}
    wrong = [
        (pointer_of(spec, value), f"{value:,} comes to {reached[value]:,} {unit}, as {first:,} does: leave one out.")
        for value in spec.ascending
        if (first := firsts.setdefault(reached[value], value)) != value
    ]
    if wrong:
        raise Malformed(f"Two values of the axis {spec.axis.value} train the same: {wrong[0][1]}", tuple(wrong))


async def _resolved(
    services: Services, project: str, spec: TransferSpec, numbered: tuple[int, Parametrization], value: int
) -> DryRun:
    """A run at the parametrization's default rate, as it will be."""
    number, name = numbered
    asked = job_of(spec, Trial(name.value, value, 1.0), 0)
    asked = asked.model_copy(update={"units": asked.units.model_copy(update={"learning_rate": None})})
    try:
        return await services.intake.estimate(asked, project)
    except Unsupported as error:
        own = {"/units/parametrization": f"/parametrizations/{number}"}
        own |= {"/" + FIELDS[spec.axis].replace(".", "/"): pointer_of(spec, value)}
        fields = tuple((own.get(pointer, f"/base{pointer}"), detail) for pointer, detail in error.fields)
        raise Unsupported(error.message, fields) from error


async def shown(services: Services, held: Held) -> Transfer:
    """A transfer with what its jobs say so far, or what was found at its end."""
    spec, trials = TransferSpec.model_validate(held.requested), Trials.model_validate(held.document)
    glances = await services.campaigns.glances(held)
    return Transfer(
        **common(held, spec.name, glances),
        axis=spec.axis,
        values=tuple(spec.ascending),
        seeds=spec.seeds,
        model=trials.model,
        extensions=len(trials.rounds) - 1,
        result=_result(spec, trials, held, glances),
    )


def _result(spec: TransferSpec, trials: Trials, held: Held, glances: list[Glance]) -> TransferResult:
    if "result" in held.document:
        return TransferResult.model_validate(held.document["result"])
    seen = {glance.id: loss for glance in glances if (loss := _loss(glance)) is not None}
    losses = {place: seen[job] for place in range(trials.size) if (job := member_id(held.id, place)) in seen}
    return TransferResult(
        parametrizations=drifts.found(spec, trials, losses),
        not_tested=tuple(axis for axis in Axis if axis is not spec.axis),
    )


def _loss(glance: Glance) -> float | None:
    """Until all have ended, one that failed is taken to have diverged."""
    if glance.state is State.FAILED:
        return inf
    return None if glance.result is None else inf if glance.result.val_loss is None else glance.result.val_loss
