"""The record of jobs: every verb of a job's life, each one atomic script."""

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unitscale.errors import (
    IdempotencyMismatch,
    IllegalTransition,
    Malformed,
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
from unitscale.wire import doorbell
from unitscale.wire.keys import name
from unitscale.wire.reading import checkpoints_of, document_of, job_of, text
from unitscale.wire.store import Store
from unitscale.wire.workers import Workers, waits_for

BANDS: dict[Priority, int] = {"high": 0, "normal": 1, "low": 2}
CHUNK = 200
NOBODY = Company("", "it was queued alone")
UNLIMITED = 2**31
MISMATCH = "This Idempotency-Key was used with another body in the last 24 hours."


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
        requested: JobSpec,
        spec: JobSpec,
        steps: int,
        quota: int,
        idempotency: Idempotency | None,
        needs: Sequence[Need] = (),
        company: Company = NOBODY,
        workers: Sequence[Worker] = (),
    ) -> tuple[Job, bool]:
        """Record a job, queue it and ring, in one step. The flag says whether it was there already.

        One round trip: each further one would take the processor from the job, which is about to start. So why it
        waits is said of the workers that the caller knows.

        Raises QuotaExceeded, IdempotencyMismatch; Unsupported when its data set is gone.
        """
        outcome, *told = await self._submit(project, requested, spec, steps, quota, idempotency, needs, company, ALONE)
        if outcome == b"quota":
            raise QuotaExceeded(
                f"The project already has {quota} unfinished jobs; wait for some to end or cancel some."
            )
        if outcome == b"mismatch":
            raise IdempotencyMismatch(MISMATCH)
        job_id, fields, rank = told
        record = dict(zip(fields[0::2], fields[1::2], strict=True))
        return _placed(text(job_id), record, rank, workers), outcome == b"replayed"

    async def known(self, project: str, idempotency: Idempotency | None) -> Job | None:
        """The job that an earlier submission with this key made. Raises IdempotencyMismatch."""
        job_id = await made_before(self._store, project, idempotency)
        return next(iter(await self.existing(project, [job_id])), None) if job_id else None

    async def add_member(
        self,
        project: str,
        requested: JobSpec,
        spec: JobSpec,
        steps: int,
        needs: Sequence[Need],
        company: Company,
        membership: Membership,
    ) -> bool:
        """The same for a campaign's job, which was counted when the campaign began; False when that is over.

        It does not ring: jobs that are submitted together are to be found together.

        Raises Unsupported when its data set is gone.
        """
        outcome, *_ = await self._submit(project, requested, spec, steps, UNLIMITED, None, needs, company, membership)
        return outcome != b"over"

    async def _submit(
        self,
        project: str,
        requested: JobSpec,
        spec: JobSpec,
        steps: int,
        quota: int,
        idempotency: Idempotency | None,
        needs: Sequence[Need],
        company: Company,
        membership: Membership,
    ) -> list[Any]:
        """What became of it and, where it is there now, its id, its record and its place in the queue."""
        answer = await self._store.run(
            "submit",
            membership.job or new_id("job", time.time_ns() // 10**6),
            project,
            idempotency.key if idempotency else "",
            idempotency.body if idempotency else "",
            quota,
            doorbell.queue_name(spec.resources.device, spec.resources.devices),
            BANDS[spec.priority],
            requested.model_dump_json(exclude_unset=True),
            spec.model_dump_json(),
            steps,
            "" if membership.campaign else doorbell.message(doorbell.TRAIN),
            str(spec.dataset) if is_uploaded(spec.dataset) else "",
            _written(needs),
            company.alike,
            company.why_alone or "",
            membership.campaign,
            membership.place,
        )
        if answer[0] == b"dataset":
            raise Unsupported(f"The data set {spec.dataset} has just been deleted.", (("/dataset", "It is gone."),))
        return answer

    async def ring(self) -> None:
        """Wake workers for all that waits."""
        await self._store.run("ring", doorbell.message(doorbell.TRAIN), doorbell.message(doorbell.ANSWER))

    async def get(self, project: str, job_id: str) -> Job:
        """The job as it stands. Raises NotFound."""
        [found] = await self.get_many(project, [job_id])
        return found

    async def document(self, project: str, job_id: str) -> bytes:
        """The job as JSON, put together again only where it changed since it was last read. Raises NotFound."""
        record = await self._record(project, job_id)
        if record[b"state"] == b"queued":
            [job] = await self._placed([(job_id, record)])
            return job.model_dump_json().encode()
        return document_of(job_id, tuple(record.items()))

    async def get_many(self, project: str, ids: Sequence[str]) -> list[Job]:
        """These jobs as they stand, in this order. Raises NotFound."""
        records = await self._records(ids)
        for job_id, record in zip(ids, records, strict=True):
            if text(record.get(b"project")) != project:
                raise NotFound(f"There is no job {job_id}.")
        return await self._placed(list(zip(ids, records, strict=True)))

    async def existing(self, project: str, ids: Sequence[str]) -> list[Job]:
        """Those of these jobs that the project has, in this order."""
        records = zip(ids, await self._records(ids), strict=True)
        return await self._placed([(i, record) for i, record in records if text(record.get(b"project")) == project])

    async def page(self, project: str, only: Filter, limit: int, cursor: str | None) -> Page[Job]:
        """Newest first. Raises Malformed for a cursor that was not given out here."""
        before = number_of(cursor)
        listing = name("members", project, only.campaign) if only.campaign else name("listing", project)
        kept: list[Job] = []
        numbers: list[int] = []
        while len(kept) <= limit:
            entries = await self._listing(listing, before)
            for job, number in entries:
                if only.keeps(job):
                    kept.append(job)
                    numbers.append(number)
            if len(entries) < CHUNK:
                break
            before = entries[-1][1]
        more = len(kept) > limit
        return Page(
            data=tuple(kept[:limit]), has_more=more, next_cursor=cursor_of(numbers[limit - 1]) if more else None
        )

    async def newest(self, project: str, most: int) -> list[Job]:
        """The project's newest jobs, about so many."""
        found: list[Job] = []
        before = None
        while len(found) < most:
            entries = await self._listing(name("listing", project), before)
            found += [job for job, _ in entries]
            if len(entries) < CHUNK:
                break
            before = entries[-1][1]
        return found[:most]

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

    async def _listing(self, listing: str, before: int | None) -> list[tuple[Job, int]]:
        """The next jobs of a listing, which also names some that are deleted: fewer than a chunk at its end alone."""
        found: list[tuple[Job, int]] = []
        highest = "+inf" if before is None else f"({before}"
        while len(found) < CHUNK:
            span = ("BYSCORE", "REV", "LIMIT", 0, CHUNK, "WITHSCORES")
            [entries] = await self._store.read(("ZRANGE", listing, highest, "-inf", *span))
            numbers = {text(job_id): int(number) for job_id, number in entries}
            records = zip(numbers, await self._records(list(numbers)), strict=True)
            jobs = await self._placed([(i, record) for i, record in records if record])
            found += [(job, numbers[job.id]) for job in jobs]
            if len(entries) < CHUNK:
                break
            highest = f"({int(entries[-1][1])}"
        return found

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


async def made_before(store: Store, project: str, idempotency: Idempotency | None) -> str | None:
    """The id of what this key made before, whatever became of it. Raises IdempotencyMismatch."""
    if idempotency is None:
        return None
    [seen] = await store.read(("GET", name("idempotency", project, idempotency.key)))
    before: dict[str, str] = json.loads(seen or "{}")
    if before and before["body"] != idempotency.body:
        raise IdempotencyMismatch(MISMATCH)
    return before.get("id")


def _placed(job_id: str, record: dict[bytes, bytes], rank: int | None, workers: Sequence[Worker]) -> Job:
    """A job and, while it waits, its place in its queue."""
    if record[b"state"] != b"queued":
        return job_of(job_id, record, None)
    needs = _needs(text(record.get(b"needs")))
    return job_of(job_id, record, waits_for(text(record[b"queue"]), rank or 0, workers, needs))


def _written(needs: Sequence[Need]) -> str:
    """Needs as scripts read them: `models:highway datasets:shakespeare`."""
    return " ".join(":".join(need) for need in needs)


def _needs(written: str) -> list[Need]:
    return [(field, name) for field, _, name in (word.partition(":") for word in written.split())]


def cursor_of(number: int) -> str:
    """What a list gives out to be continued behind this number."""
    return base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")


def number_of(cursor: str | None) -> int | None:
    """Where a list goes on. Raises Malformed."""
    if cursor is None:
        return None
    try:
        return int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise Malformed("The cursor was not given out here.", (("?cursor", "Take it from next_cursor."),)) from error
