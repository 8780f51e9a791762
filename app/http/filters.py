"""What the list of jobs can be narrowed to, as query parameters."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import StringConstraints

from unitscale.errors import Malformed
from unitscale.models.campaigns import StudyId, SweepId, TransferId
from unitscale.models.jobs import State
from unitscale.models.specs import Task
from unitscale.wire.jobs import Filter

LabelIs = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,62}:[^\x00-\x1f\x7f]{0,255}$")]


async def campaign_of(
    sweep: Annotated[SweepId | None, Query(description="Only jobs of this sweep.")] = None,
    study: Annotated[StudyId | None, Query(description="Only jobs of this study.")] = None,
    transfer: Annotated[TransferId | None, Query(description="Only jobs of this transfer.")] = None,
) -> str | None:
    """The campaign that jobs are to belong to. Raises Malformed where it is two."""
    campaigns = {"sweep": sweep, "study": study, "transfer": transfer}
    given = [name for name, campaign in campaigns.items() if campaign]
    if len(given) > 1:
        detail = f"Give one of {', '.join(given)}."
        raise Malformed("A job belongs to one campaign.", tuple((f"?{name}", detail) for name in given[1:]))
    return campaigns[given[0]] if given else None


OfCampaign = Annotated[str | None, Depends(campaign_of)]


async def job_filter(
    campaign: OfCampaign,
    state: Annotated[State | None, Query(description="Only jobs in this state.")] = None,
    task: Annotated[Task | None, Query(description="Only jobs of this task.")] = None,
    label: Annotated[
        list[LabelIs], Query(max_length=32, description="Only jobs with this label, as `name:value`; all of several.")
    ] = [],  # noqa: B006  # FastAPI copies it
) -> Filter:
    """What the caller asked for."""
    labels = tuple((name, value) for name, _, value in (pair.partition(":") for pair in label))
    return Filter(state=state, task=task, labels=labels, campaign=campaign)


JobFilter = Annotated[Filter, Depends(job_filter)]
