"""Launching: the jobs that a campaign has planned become jobs of the record, and are queued when all are there.

Repeated, it changes nothing. Where it stops midway, none of the new jobs is queued until somebody launches again.
"""

from collections.abc import Callable, Sequence
from typing import Any

from unitscale.errors import Unsupported
from unitscale.models import sweeps, transfers, trials
from unitscale.models.campaigns import member_id
from unitscale.models.offers import Need
from unitscale.models.specs import JobSpec
from unitscale.wire.campaigns import Held
from unitscale.wire.intake import Intake
from unitscale.wire.jobs import Membership, Prepared, gone

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
TOGETHER = 64
"""Jobs that are submitted in one round trip."""


async def launch(intake: Intake, held: Held, ready: Sequence[Prepared] = ()) -> dict[int, str]:
    """Submit what has not been; returns place → why, of those that are refused. `ready`: all of them, prepared."""
    there, refused = set(held.jobs), dict[int, str]()
    needs = NEEDS[held.kind](held.requested, held.document) if held.kind in NEEDS else ()
    wanted = enumerate(ready or PLANS[held.kind](held.requested, held.document))
    missing = [(place, spec) for place, spec in wanted if spec is not None and member_id(held.id, place) not in there]
    for first in range(0, len(missing), TOGETHER):
        members = await _members(intake, held, missing[first : first + TOGETHER], refused)
        outcomes = await intake.submit_members(held.project, members, needs)
        if "over" in outcomes:
            break
        lost = (member for member, outcome in zip(members, outcomes, strict=True) if outcome == "dataset")
        refused |= {member.place: _said(gone(prepared.spec)) for member, prepared in lost}
    await intake.let_in(held.id)
    return refused


async def _members(
    intake: Intake, held: Held, some: Sequence[tuple[int, JobSpec | Prepared]], refused: dict[int, str]
) -> list[tuple[Membership, Prepared]]:
    """These, prepared; what cannot be done is put among the refused."""
    members = list[tuple[Membership, Prepared]]()
    for place, spec in some:
        try:
            prepared = spec if isinstance(spec, Prepared) else await intake.prepare(spec, held.project)
        except Unsupported as error:
            refused[place] = _said(error)
        else:
            members.append((Membership(held.id, place, member_id(held.id, place)), prepared))
    return members


def _said(error: Unsupported) -> str:
    return " ".join([error.message, *(f"{pointer}: {detail}" for pointer, detail in error.fields)])
