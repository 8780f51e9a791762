"""Campaigns: what sweeps, studies and transfers have in common. Each is a row of jobs that one request asked for."""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Annotated

from unitscale.models.document import Answer, JobId, Moment, derived_id, id_field, made_at
from unitscale.models.jobs import Reason, State, Wish

PREFIXES = {"sweep": "sw", "study": "st", "transfer": "tr"}
"""What the ids of each kind begin with."""
SweepId = Annotated[str, id_field(PREFIXES["sweep"])]
StudyId = Annotated[str, id_field(PREFIXES["study"])]
TransferId = Annotated[str, id_field(PREFIXES["transfer"])]


class CampaignState(StrEnum):
    """Where a sweep, a study or a transfer stands. All but `running` are final."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Ended for the reason it carries."""
    CANCELLED = "cancelled"


OVER = frozenset(CampaignState) - {CampaignState.RUNNING}


class Counts(Answer):
    """How many jobs stand where."""

    queued: int = 0
    running: int = 0
    paused: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    deleted: int = 0
    """Jobs that were deleted after they had ended, whose ids name nothing any more."""


class Campaign(Answer):
    """What every campaign says of itself."""

    id: str
    name: str | None = None
    state: CampaignState
    wish: Wish | None = None
    """`cancel` from when it was called off until its last job has stopped."""
    reason: Reason | None = None
    created_at: Moment
    ended_at: Moment | None = None
    jobs: tuple[JobId, ...] = ()
    """In the order of their places."""
    counts: Counts = Counts()


def kind_of(some_id: str) -> str | None:
    """The kind of campaign that an id is of; None for anything else's."""
    begin = some_id.partition("_")[0]
    return next((kind for kind, prefix in PREFIXES.items() if prefix == begin), None)


def member_id(campaign: str, place: int) -> str:
    """The id of the job at a place: who submits it twice submits one job."""
    digest = sha256(f"{campaign} {place}".encode()).digest()
    return derived_id("job", made_at(campaign), int.from_bytes(digest[:8], "big"))


def counted(states: Sequence[State], jobs: int) -> Counts:
    """How many of so many jobs stand where; those of which there is no state have been deleted."""
    counts = {state.value: count for state, count in Counter(states).items()}
    return Counts(**counts, deleted=jobs - len(states))
