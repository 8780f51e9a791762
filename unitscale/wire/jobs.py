"""The record of jobs: every verb of a job's life, each one atomic script."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from unitscale.errors import (
    IdempotencyMismatch,
    IllegalTransition,
    NotEnded,
    NotFound,
    QuotaExceeded,
    Unsupported,
)
from unitscale.models.alike import Company
from unitscale.models.datasets import is_uploaded
from unitscale.models.document import new_id
from unitscale.models.jobs import ENDED, Artifact, Checkpoint, Job, State
from unitscale.models.offers import Need
from unitscale.models.pages import Page
from unitscale.models.specs import JobSpec, Priority
from unitscale.models.workers import Worker
from unitscale.wire import doorbell, listing
from unitscale.wire.keys import name
from unitscale.wire.reading import checkpoints_of, document_of, job_of, text
from unitscale.wire.store import Store
from unitscale.wire.workers import Workers, waits_for

BANDS: dict[Priority, int] = {"high": 0, "normal": 1, "low": 2}
NOBODY = Company("", "it was queued alone")
UNLIMITED = 2**31


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; None and empty mean everything."""

    state: State | None = None
    task: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    campaign: str | None = None

    def keeps(self, job: Job) -> bool:
        """Whether the job belongs in the list."""
        return (
            self.state in (None, job.state)
            and self.task in (None, job.spec.task)
            and all(job.spec.labels.get(label) == value for label, value in self.labels)
        )


@dataclass(frozen=True)
class Idempotency:
    """A caller's key, and the digest of the body it came with."""

    key: str
    body: str


@dataclass(frozen=True)
class Prepared:
    """A spec as it was sent and as it will run, with what else its record says of it."""

    requested: JobSpec
    spec: JobSpec
    steps: int
    needs: tuple[Need, ...] = ()
    company: Company = NOBODY


@dataclass(frozen=True)
class Membership:
    """A job's place in a campaign, from which its id follows."""

    campaign: str = ""
    place: int = 0
    job: str = ""


ALONE = Membership()


class Jobs:
    """Jobs as projects see them. What belongs to another project does not exist."""

    def __init__(self, store: Store, workers: Workers) -> None:
        self._store = store
        self._workers = workers

    async def add(
        self,
        project: str,
        prepared: Prepared,
        quota: int,
        idempotency: Idempotency | None,
        workers: Sequence[Worker] = (),
    ) -> tuple[Job, bool]:
        """Record a job, queue it and ring, in one step. The flag says whether it was there already.

        One round trip: each further one would take the processor from the job, which is about to start. So why it
        waits is said of the workers that the caller knows.

        Raises QuotaExceeded, IdempotencyMismatch; Unsupported when its data set is gone.
        """
        submission = _submission(project, prepared, quota, idempotency, ALONE)
        outcome, *told = await self._store.run("submit", *submission)
        if outcome == b"quota":
            raise QuotaExceeded(
                f"The project already has {quota} unfinished jobs; wait for some to end or cancel some."
            )
        if outcome == b"mismatch":
            raise IdempotencyMismatch
        if outcome == b"dataset":
            raise gone(prepared.spec)
        job_id, fields, rank = told
        record = dict(zip(fields[0::2], fields[1::2], strict=True))
        return _placed(text(job_id), record, rank, workers), outcome == b"replayed"

    async def known(self, project: str, idempotency: Idempotency | None) -> Job | None:
        """The job that an earlier submission with this key made. Raises IdempotencyMismatch."""
        job_id = await made_before(self._store, project, idempotency)
        return next(iter(await self.existing(project, [job_id])), None) if job_id else None

    async def add_members(self, project: str, members: Sequence[tuple[Membership, Prepared]]) -> list[str]:
        """The same for jobs of a campaign, which were counted when it began: what became of each, `over` where the
        campaign is and `dataset` where its data set is gone.

        None of them is queued before `let_in`: jobs that are launched together are to be found together.
        """
        calls = [_submission(project, prepared, UNLIMITED, None, member) for member, prepared in members]
        return [text(outcome) for outcome, *_ in await self._store.run_each("submit", calls)]

    async def let_in(self, campaign: str) -> None:
        """Queue all jobs of a campaign that were added, and wake workers for them."""
        await self._store.run("let_in", campaign, doorbell.message(doorbell.TRAIN))

    async def get(self, project: str, job_id: str) -> Job:
        """The job as it stands. Raises NotFound."""
        [found] = await self._placed([(job_id, await self._record(project, job_id))])
        return found

    async def document(self, project: str, job_id: str) -> bytes:
        """The job as JSON, put together again only where it changed since it was last read. Raises NotFound."""
        record = await self._record(project, job_id)
        if record[b"state"] == b"queued":
            [job] = await self._placed([(job_id, record)])
            return job.model_dump_json().encode()
        return document_of(job_id, tuple(record.items()))

    async def get_many(self, project: str, ids: Sequence[str]) -> list[Job]:
        """These jobs as they stand, in this order. Raises NotFound, which names the place of each that is missing."""
        records = await self._records(ids)
        missing = tuple(
            (f"/{place}", f"There is no job {job_id}.")
            for place, (job_id, record) in enumerate(zip(ids, records, strict=True))
            if text(record.get(b"project")) != project
        )
        if missing:
            raise NotFound(missing[0][1], missing)
        return await self._placed(list(zip(ids, records, strict=True)))

    async def existing(self, project: str, ids: Sequence[str]) -> list[Job]:
        """Those of these jobs that the project has, in this order."""
        records = zip(ids, await self._records(ids), strict=True)
        return await self._placed([(i, record) for i, record in records if text(record.get(b"project")) == project])

    async def page(self, project: str, only: Filter, limit: int, cursor: str | None) -> Page[Job]:
        """Newest first; a filter that keeps little makes it short. Raises Malformed for a cursor not given out here."""
        listed = name("members", project, only.campaign) if only.campaign else name("listing", project)
        return await listing.page(self._store, listed, partial(self._kept, only), limit, cursor)

    async def newest(self, project: str, most: int) -> list[Job]:
        """The project's newest jobs."""
        found = await listing.page(self._store, name("listing", project), partial(self._kept, Filter()), most, None)
        return list(found.data)

    async def cancel(self, project: str, job_id: str) -> Job:
        """Call a job off. Raises NotFound, IllegalTransition."""
        return await self._move("cancel", project, job_id)

    async def pause(self, project: str, job_id: str) -> Job:
        """Set a job aside with its checkpoint. Raises NotFound, IllegalTransition."""
        return await self._move("pause", project, job_id)

    async def resume(self, project: str, job_id: str) -> Job:
        """Queue a paused job again. Raises NotFound, IllegalTransition."""
        return await self._move("resume", project, job_id, doorbell.message(doorbell.TRAIN))

    async def delete(self, project: str, job_id: str) -> None:
        """Forget an ended job. Raises NotFound, NotEnded."""
        outcome = await self._store.run("delete", job_id, project)
        if outcome == b"missing":
            raise NotFound(f"There is no job {job_id}.")
        if outcome == b"unfinished":
            raise NotEnded(f"Job {job_id} has not ended; cancel it first.")

    async def checkpoints(self, project: str, job_id: str) -> list[Checkpoint]:
        """The published checkpoints that still exist, oldest first. Raises NotFound."""
        return checkpoints_of(await self._record(project, job_id))

    async def artifacts(self, project: str, job_id: str) -> tuple[int, list[Artifact]]:
        """The attempt that succeeded, and the files it left. Raises NotFound."""
        record = await self._record(project, job_id)
        files = json.loads(record.get(b"artifacts") or "[]")
        return int(record[b"attempt"]), [Artifact.model_validate(file) for file in files]

    async def ended(self, project: str, job_id: str) -> bool:
        """Whether the job has ended. Raises NotFound."""
        [(owner, state)] = await self._store.read(("HMGET", name("job", job_id), "project", "state"))
        if text(owner) != project:
            raise NotFound(f"There is no job {job_id}.")
        return State(text(state)) in ENDED

    async def census(self) -> dict[str, int]:
        """Queued jobs by queue, and running jobs; for metrics, so no project is named."""
        [queues, running] = await self._store.read(("SMEMBERS", name("queues")), ("ZCARD", name("leases")))
        names = sorted(text(queue) for queue in queues)
        sizes = await self._store.read(*(("ZCARD", name("queue", queue)) for queue in names))
        return {f"queued {queue}": size for queue, size in zip(names, sizes, strict=True)} | {"running": running}

    async def _move(self, script: str, project: str, job_id: str, *args: bytes) -> Job:
        outcome = text(await self._store.run(script, job_id, project, *args))
        if outcome == "missing":
            raise NotFound(f"There is no job {job_id}.")
        job = await self.get(project, job_id)
        if outcome == "illegal":
            raise IllegalTransition(f"Job {job_id} is {job.wish or job.state.value}; it cannot {script}.")
        return job

    async def _record(self, project: str, job_id: str) -> dict[bytes, bytes]:
        [record] = await self._records([job_id])
        if text(record.get(b"project")) != project:
            raise NotFound(f"There is no job {job_id}.")
        return record

    async def _records(self, ids: Sequence[str]) -> list[dict[bytes, bytes]]:
        return await self._store.read(*(("HGETALL", name("job", job_id)) for job_id in ids))

    async def _kept(self, only: Filter, ids: Sequence[str]) -> list[Job | None]:
        there = [(i, record) for i, record in zip(ids, await self._records(ids), strict=True) if record]
        jobs = {job.id: job for job in await self._placed(there) if only.keeps(job)}
        return [jobs.get(i) for i in ids]

    async def _placed(self, records: list[tuple[str, dict[bytes, bytes]]]) -> list[Job]:
        waiting = {i: text(record[b"queue"]) for i, record in records if record[b"state"] == b"queued"}
        if not waiting:
            return [job_of(job_id, record, None) for job_id, record in records]
        workers = await self._workers.present()
        ranks = await self._store.read(*(("ZRANK", name("queue", queue), i) for i, queue in waiting.items()))
        places = dict(zip(waiting, ranks, strict=True))
        return [_placed(job_id, record, places.get(job_id), workers) for job_id, record in records]

    async def place_of_next(self, spec: JobSpec, needs: Sequence[Need] = ()) -> Any:
        """The place that a job of this spec would get now."""
        queue = doorbell.queue_name(spec.resources.device, spec.resources.devices)
        [ahead] = await self._store.read(("ZCARD", name("queue", queue)))
        return waits_for(queue, ahead, await self._workers.present(), needs)


def gone(spec: JobSpec) -> Unsupported:
    """The refusal of a spec whose data set was deleted since it was prepared."""
    return Unsupported(f"The data set {spec.dataset} has just been deleted.", (("/dataset", "It is gone."),))


def _submission(
    project: str, prepared: Prepared, quota: int, idempotency: Idempotency | None, membership: Membership
) -> tuple[str | float | bytes, ...]:
    """What the script `submit` is told."""
    spec, company = prepared.spec, prepared.company
    return (
        membership.job or new_id("job", time.time_ns() // 10**6),
        project,
        idempotency.key if idempotency else "",
        idempotency.body if idempotency else "",
        quota,
        doorbell.queue_name(spec.resources.device, spec.resources.devices),
        BANDS[spec.priority],
        prepared.requested.model_dump_json(exclude_unset=True),
        spec.model_dump_json(),
        prepared.steps,
        doorbell.message(doorbell.TRAIN),
        str(spec.dataset) if is_uploaded(spec.dataset) else "",
        _written(prepared.needs),
        company.alike,
        company.why_alone or "",
        membership.campaign,
        membership.place,
    )


async def made_before(store: Store, project: str, idempotency: Idempotency | None) -> str | None:
    """The id of what this key made before, whatever became of it. Raises IdempotencyMismatch."""
    if idempotency is None:
        return None
    [seen] = await store.read(("GET", name("idempotency", project, idempotency.key)))
    before: dict[str, str] = json.loads(seen or "{}")
    if before and before["body"] != idempotency.body:
        raise IdempotencyMismatch
    return before.get("id")


def _placed(job_id: str, record: dict[bytes, bytes], rank: int | None, workers: Sequence[Worker]) -> Job:
    """A job and, while it waits, its place in its queue."""
    if record[b"state"] != b"queued":
        return job_of(job_id, record, None)
    needs = _needs(text(record.get(b"needs")))
    return job_of(job_id, record, waits_for(text(record[b"queue"]), rank or 0, workers, needs))


def _written(needs: Sequence[Need]) -> str:
    """Needs as scripts read them: `models:highway hardware:cpu-1%20EPYC`."""
    return " ".join(f"{field}:{quote(name)}" for field, name in needs)


def _needs(written: str) -> list[Need]:
    return [(field, unquote(name)) for field, _, name in (word.partition(":") for word in written.split())]
