"""Campaigns as requests meet them: begun with their jobs, waited for, called off."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import Query

from app.http.creating import created
from app.services import Services
from unitscale.models.campaigns import counted
from unitscale.models.document import Document
from unitscale.wire.campaigns import Glance, Held
from unitscale.wire.jobs import Idempotency, Prepared
from unitscale.wire.launching import launch

LAUNCH_SECONDS = 10.0
"""Until a worker launches what a request was to launch and did not, since its process died."""

NOTHING: Mapping[str, Any] = MappingProxyType({})
Wait = Annotated[float, Query(ge=0, le=60, description="Seconds to hold the answer back until it is over.")]
CREATED = created("What was asked for, running.")


async def begin(
    services: Services,
    project: str,
    kind: str,
    body: Document,
    ready: Sequence[Prepared],
    idempotency: Idempotency | None,
    document: Mapping[str, Any] = NOTHING,
) -> tuple[Held, bool]:
    """Record a campaign with what is decided already, and submit the jobs that it begins with, which are prepared; one
    without waits for a worker's first decision.

    Raises QuotaExceeded, IdempotencyMismatch.
    """
    requested: dict[str, Any] = body.model_dump(mode="json", exclude_unset=True)
    due = LAUNCH_SECONDS if ready else 0.0
    room = len(ready), services.intake.quota
    held, replayed = await services.campaigns.begin(project, kind, requested, dict(document), room, idempotency, due)
    if ready:
        await launch(services.intake, held, ready)
        held = await services.campaigns.get(project, kind, held.id)
    return held, replayed


async def begin_later(
    services: Services,
    project: str,
    kind: str,
    body: Document,
    room: tuple[int, int],
    idempotency: Idempotency | None,
) -> tuple[Held, bool]:
    """Record a campaign whose first jobs a worker decides about: at most so many at a time, under a quota.

    Raises QuotaExceeded, IdempotencyMismatch.
    """
    requested: dict[str, Any] = body.model_dump(mode="json", exclude_unset=True)
    return await services.campaigns.begin(project, kind, requested, {}, room, idempotency)


def common(held: Held, name: str | None, glances: Iterable[Glance]) -> dict[str, Any]:
    """The fields of `Campaign`."""
    return {
        "id": held.id,
        "name": name,
        "state": held.state,
        "wish": held.wish,
        "reason": held.reason,
        "jobs": held.jobs,
        "counts": counted([glance.state for glance in glances], len(held.jobs)),
        **held.times,
    }
