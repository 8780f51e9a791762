"""Transfers as requests meet them: drawn up, refused by the field that is wrong, shown as they stand."""

from itertools import product
from math import inf

from app.campaigns import common
from app.services import Services
from unitscale.errors import Unsupported
from unitscale.models import drifts
from unitscale.models.campaigns import member_id
from unitscale.models.jobs import State
from unitscale.models.specs import JobSpec
from unitscale.models.transfers import (
    FIELDS,
    Axis,
    Transfer,
    TransferResult,
    TransferSpec,
    Trial,
    Trials,
    begun,
    job_of,
    pointer_of,
)
from unitscale.models.units import Parametrization
from unitscale.wire.campaigns import Glance, Held


async def drawn_up(services: Services, project: str, spec: TransferSpec) -> Trials:
    """The first grid, about the default rates of what was asked for.

    Raises Unsupported, naming the field of the body that asks for what cannot be done.
    """
    centers: dict[str, float] = {}
    kind = ""
    for (number, name), value in product(enumerate(spec.parametrizations), spec.ascending):
        resolved = await _resolved(services, project, spec, (number, name), value)
        centers.setdefault(name.value, float(resolved.units.learning_rate or 0))
        kind = str(resolved.model.kind)
    return begun(spec, kind, centers)


async def _resolved(
    services: Services, project: str, spec: TransferSpec, numbered: tuple[int, Parametrization], value: int
) -> JobSpec:
    """A run at the parametrization's default rate, as it will be."""
    number, name = numbered
    asked = job_of(spec, Trial(name.value, value, 1.0), 0)
    asked = asked.model_copy(update={"units": asked.units.model_copy(update={"learning_rate": None})})
    try:
        return (await services.intake.estimate(asked, project)).spec
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
