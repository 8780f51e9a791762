"""Launching: the jobs that a campaign has planned become jobs of the record. Repeated, it changes nothing."""

from collections.abc import Callable, Sequence
from typing import Any

from unitscale.errors import Unsupported
from unitscale.models import sweeps, transfers, trials
from unitscale.models.campaigns import member_id
from unitscale.models.offers import Need
from unitscale.models.specs import JobSpec
from unitscale.wire.campaigns import Held
from unitscale.wire.intake import Intake
from unitscale.wire.jobs import Membership

Planned = Callable[[dict[str, Any], dict[str, Any]], Sequence[JobSpec | None]]
"""From what was asked for and decided to all jobs so far, in the order of their places; None: there is none."""
PLANS: dict[str, Planned] = {
    "sweep": lambda requested, _: sweeps.planned(sweeps.SweepSpec.model_validate(requested)),
    "transfer": transfers.planned_again,
    "study": trials.planned,
}
NEEDS: dict[str, Callable[[dict[str, Any], dict[str, Any]], Sequence[Need]]] = {
    "sweep": sweeps.needed,
    "study": trials.needed,
}
"""Kinds whose jobs need more of their worker than their specs say."""


async def launch(intake: Intake, held: Held) -> dict[int, str]:
    """Submit what has not been; returns place → why, of those that are refused."""
    there, refused = set(held.jobs), dict[int, str]()
    needs = NEEDS[held.kind](held.requested, held.document) if held.kind in NEEDS else ()
    for place, spec in enumerate(PLANS[held.kind](held.requested, held.document)):
        job = member_id(held.id, place)
        if spec is None or job in there:
            continue
        try:
            if not await intake.submit_member(spec, held.project, Membership(held.id, place, job), needs):
                break
        except Unsupported as error:
            refused[place] = _said(error)
    await intake.ring()
    return refused


def _said(error: Unsupported) -> str:
    return " ".join([error.message, *(f"{pointer}: {detail}" for pointer, detail in error.fields)])
