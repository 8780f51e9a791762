"""Campaigns as requests meet them: begun with their jobs, waited for, called off."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import Query

from app.http.creating import created
from app.services import Services
from unitscale.models.campaigns import CampaignState, counted
from unitscale.models.document import Document
from unitscale.wire.campaigns import Glance, Held
from unitscale.wire.jobs import Idempotency, Prepared
from unitscale.wire.launching import launch

LAUNCH_SECONDS = 10.0
"""Until a worker launches what a request was to launch and did not, since its process died."""

Begun = tuple[Sequence[Prepared], Mapping[str, Any]]
"""The jobs that a campaign begins with, and what is decided by that."""
Wait = Annotated[float, Query(ge=0, le=60, description="Seconds to hold the answer back until it is over.")]
CREATED = created("What was asked for, running.")


async def begin(
    services: Services,
    project: str,
    kind: str,
    body: Document,
    draw_up: Callable[[], Awaitable[Begun]],
    idempotency: Idempotency | None,
) -> tuple[Held, bool]:
    """Record a campaign with what is decided already, and submit the jobs that it begins with. One that an earlier
    request has made is not drawn up again.

    Raises Unsupported, QuotaExceeded, IdempotencyMismatch.
    """
    held, replayed, ready = await services.campaigns.known(project, idempotency), True, ()
    if held is None:
        ready, document = await draw_up()
        room = len(ready), services.intake.quota
        requested: dict[str, Any] = body.model_dump(mode="json", exclude_unset=True)
        held, replayed = await services.campaigns.begin(
            project, kind, requested, dict(document), room, idempotency, LAUNCH_SECONDS
        )
    if held.state is CampaignState.RUNNING:
        await launch(services.intake, held, ready)
    return await services.campaigns.get(project, kind, held.id), replayed


async def begin_later(
    services: Services,
    project: str,
    kind: str,
    body: Document,
    room: Callable[[], Awaitable[tuple[int, int]]],
    idempotency: Idempotency | None,
) -> tuple[Held, bool]:
    """Record a campaign whose first jobs a worker decides about: at most so many at a time, under a quota.

    Raises Unsupported, QuotaExceeded, IdempotencyMismatch.
    """
    held = await services.campaigns.known(project, idempotency)
    if held is not None:
        return held, True
    requested: dict[str, Any] = body.model_dump(mode="json", exclude_unset=True)
    return await services.campaigns.begin(project, kind, requested, {}, await room(), idempotency)


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
