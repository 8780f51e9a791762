"""The record of campaigns: begun, decided round by round, called off. What was decided is the truth; jobs follow it."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from unitscale.errors import IdempotencyMismatch, IllegalTransition, NotFound, QuotaExceeded
from unitscale.models.campaigns import PREFIXES, CampaignState
from unitscale.models.document import moment, new_id
from unitscale.models.jobs import Job, Reason, Result, State, Timings
from unitscale.models.pages import Page
from unitscale.wire import doorbell, listing
from unitscale.wire.jobs import Idempotency, Jobs, made_before
from unitscale.wire.keys import name
from unitscale.wire.reading import TIMED, Record, text, timings_of
from unitscale.wire.store import Store

LEASE_MS = 5_000
"""An advancer that does not prolong it is taken to be lost; both may finish, and the first decision counts."""
GLANCED = ("state", "result", "hardware")
TRIES = 5
LAUNCH_MS = 10_000
"""Until another one launches what was decided, where who decided it died."""
LOST = Reason(code="internal", message=f"The process that was to decide what follows died {TRIES} times in a row.")


@dataclass(frozen=True)
class Held:
    """A campaign as the record holds it."""

    id: str
    project: str
    kind: str
    state: CampaignState
    wish: str | None
    round: int
    """How many decisions have been taken."""
    ended: int
    """Jobs that had ended when it was read."""
    requested: dict[str, Any]
    """The body as it was sent."""
    document: dict[str, Any]
    """What was decided and found, in its kind's own words."""
    reason: Reason | None
    times: dict[str, Any]
    """created_at, ended_at"""
    read_at: datetime
    """When it was read, by the record's clock."""
    lease: str = ""
    """Until when it is this advancer's, by the same clock, in milliseconds; empty: it is nobody's."""
    jobs: tuple[str, ...] = ()
    """Ids of the jobs that were submitted, in the order of their places."""
    curves: Mapping[int, Sequence[tuple[int, float]]] = field(default_factory=dict[int, Sequence[tuple[int, float]]])
    """Place → validation losses by step, of those that its kind asked to see."""


@dataclass(frozen=True)
class Decision:
    """What follows for a campaign. With a state other than running it ends, and jobs that still run are called off."""

    document: dict[str, Any] = field(default_factory=dict[str, Any])
    state: CampaignState = CampaignState.RUNNING
    reason: Reason | None = None
    heed_each: bool = False
    """Decide again when any job has ended, not only when all have."""
    again_seconds: float | None = None
    """Decide again after this time, whatever has ended."""
    call_off: Mapping[str, Reason] = field(default_factory=dict[str, Reason])
    """Jobs to call off, while the campaign goes on, and why."""


@dataclass(frozen=True)
class Glance:
    """As much of a job as a running campaign's own answer needs."""

    id: str
    state: State
    result: Result | None
    hardware: str | None
    timings: Timings
    """Empty where they were not asked for."""


class Campaigns:
    """Campaigns as projects see them, and as those who advance them do."""

    def __init__(self, store: Store, jobs: Jobs) -> None:
        self._store = store
        self._jobs = jobs

    async def begin(
        self,
        project: str,
        kind: str,
        requested: dict[str, Any],
        document: dict[str, Any],
        room: tuple[int, int],
        idempotency: Idempotency | None,
        due_seconds: float = 0.0,
    ) -> tuple[Held, bool]:
        """Record a campaign that begins with so many jobs, under a quota of unfinished ones, to be advanced in so many
        seconds. The flag says whether it was there already.

        Raises QuotaExceeded, IdempotencyMismatch.
        """
        jobs, quota = room
        outcome, campaign_id = await self._store.run(
            "begin",
            new_id(PREFIXES[kind], time.time_ns() // 10**6),
            project,
            kind,
            idempotency.key if idempotency else "",
            idempotency.body if idempotency else "",
            jobs,
            quota,
            json.dumps(requested),
            json.dumps(document),
            doorbell.message(doorbell.ANSWER),
            int(due_seconds * 1000),
        )
        if outcome == b"quota":
            raise QuotaExceeded(f"Its {jobs} jobs would be more than the {quota} that a project may have unfinished.")
        if outcome == b"mismatch":
            raise IdempotencyMismatch
        return await self.get(project, kind, text(campaign_id)), outcome == b"replayed"

    async def known(self, project: str, idempotency: Idempotency | None) -> Held | None:
        """The campaign that an earlier request with this key began. Raises IdempotencyMismatch."""
        campaign_id = await made_before(self._store, project, idempotency)
        return (await self._read([campaign_id]))[0] if campaign_id else None

    async def get(self, project: str, kind: str, campaign_id: str) -> Held:
        """The campaign as it stands. Raises NotFound."""
        [found] = await self._read([campaign_id])
        if found is None or found.project != project or found.kind != kind:
            raise NotFound(f"There is no {kind} {campaign_id}.")
        return found

    async def page(self, project: str, kind: str, limit: int, cursor: str | None) -> Page[Held]:
        """Newest first. Raises Malformed for a cursor that was not given out here."""
        return await listing.page(self._store, name("campaign_listing", project, kind), self._read, limit, cursor)

    async def cancel(self, project: str, kind: str, campaign_id: str) -> Held:
        """Call it off, and every job of it. Raises NotFound, IllegalTransition."""
        outcome = text(await self._store.run("call_off", campaign_id, project, kind))
        if outcome == "missing":
            raise NotFound(f"There is no {kind} {campaign_id}.")
        found = await self.get(project, kind, campaign_id)
        if outcome == "illegal":
            raise IllegalTransition(f"{kind.title()} {campaign_id} is {found.state.value}; it cannot be cancelled.")
        return found

    async def take(self) -> Held | None:
        """The campaign that waits longest to be advanced, left to this caller for a while."""
        taken = await self._store.run("advance", LEASE_MS, TRIES, LOST.model_dump_json())
        if not taken:
            return None
        [found] = await self._read([text(taken[0])])
        return replace(found, lease=text(taken[1])) if found else None

    async def keep(self, held: Held) -> Held:
        """Prolong the lease of one that was taken; without a lease where it is over."""
        return replace(held, lease=text(await self._store.run("keep", held.id, held.lease, LEASE_MS)))

    async def decide(self, held: Held, decision: Decision) -> bool:
        """Put a decision down; False when another one was taken since `held` was read."""
        called_off = [part for job, why in decision.call_off.items() for part in (job, why.model_dump_json())]
        outcome = await self._store.run(
            "decide",
            held.id,
            held.round,
            held.ended,
            json.dumps(decision.document),
            "each" if decision.heed_each else "all",
            decision.state.value,
            decision.reason.model_dump_json() if decision.reason else "",
            LAUNCH_MS,
            *called_off,
        )
        return outcome == b"done"

    async def launched(self, held: Held, decision: Decision) -> None:
        """Say that what was decided on `held` is launched: it rests until a job ends, or its time has come."""
        due = "" if decision.again_seconds is None else int(decision.again_seconds * 1000)
        await self._store.run("launched", held.id, held.round + 1, due)

    async def rest(self, held: Held, decision: Decision) -> None:
        """The same of a decision that changes nothing, and is not put down."""
        due = "" if decision.again_seconds is None else int(decision.again_seconds * 1000)
        await self._store.run("rest", held.id, held.round, held.ended, due)

    async def jobs(self, held: Held) -> dict[int, Job]:
        """Place → job, of those that still exist."""
        places = await self._places(held)
        records = await self._jobs.existing(held.project, list(places))
        return {places[job.id]: job for job in records}

    async def glances(self, held: Held, timed: bool = False) -> list[Glance]:
        """States and results of its jobs, in the order of their places, and their timings where these are wanted."""
        fields = (*GLANCED, *TIMED) if timed else GLANCED
        records = await self._store.read(*(("HMGET", name("job", job), *fields) for job in held.jobs))
        return [
            _glance(job, {field.encode(): value for field, value in zip(fields, record, strict=True) if value}, timed)
            for job, record in zip(held.jobs, records, strict=True)
            if record[0]
        ]

    async def _places(self, held: Held) -> dict[str, int]:
        places = await self._store.read(*(("HGET", name("job", job), "place") for job in held.jobs))
        return {job: int(place) for job, place in zip(held.jobs, places, strict=True) if place}

    async def _read(self, ids: Sequence[str]) -> list[Held | None]:
        clock, *records = await self._store.read(("TIME",), *(("HGETALL", name("campaign", i)) for i in ids))
        seconds, microseconds = map(int, clock)
        read_at = moment(seconds * 1000 + microseconds // 1000)
        there = [(i, text(record[b"project"])) for i, record in zip(ids, records, strict=True) if record]
        listings = await self._store.read(*(("ZRANGE", name("members", project, i), 0, -1) for i, project in there))
        jobs = {i: members for (i, _), members in zip(there, listings, strict=True)}
        return [_held(i, record, jobs[i], read_at) if record else None for i, record in zip(ids, records, strict=True)]


def _glance(job: str, record: Record, timed: bool) -> Glance:
    result = Result.model_validate_json(record[b"result"]) if b"result" in record else None
    timings = timings_of(record) if timed else Timings()
    return Glance(job, State(text(record[b"state"])), result, text(record.get(b"hardware")) or None, timings)


def _held(campaign_id: str, record: dict[bytes, bytes], jobs: Sequence[bytes], read_at: datetime) -> Held:
    ended = record.get(b"ended_at")
    return Held(
        id=campaign_id,
        project=text(record[b"project"]),
        kind=text(record[b"kind"]),
        state=CampaignState(text(record[b"state"])),
        wish=text(record.get(b"wish")) or None,
        round=int(record[b"round"]),
        ended=int(record[b"ended"]),
        requested=json.loads(record[b"requested"]),
        document=json.loads(record[b"document"]),
        reason=Reason.model_validate_json(record[b"reason"]) if record.get(b"reason") else None,
        times={
            "created_at": moment(int(record[b"created_at"])),
            "ended_at": moment(int(ended)) if ended else None,
        },
        read_at=read_at,
        jobs=tuple(text(job) for job in jobs),
    )
