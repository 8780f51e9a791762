"""The record as a supervisor writes it: claims, leases, points, ends. Every write carries its fencing token."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from unitscale.errors import Impossible, LeaseLost
from unitscale.models.alike import Finding
from unitscale.models.jobs import Artifact, Fused, Reason, Result, State, Wish
from unitscale.models.specs import InitFrom, JobSpec
from unitscale.models.tuned import Tuned
from unitscale.wire import doorbell
from unitscale.wire.keys import name
from unitscale.wire.store import Store

OTHERS_SECONDS = 0.25
MOST_LANES = 256
"""Jobs that one claim takes at most: the record answers nobody else meanwhile, for some milliseconds."""
FINDING_SECONDS = 30 * 86_400
ARTIFACTS = "artifacts"


@dataclass(frozen=True)
class Origin:
    """Weights that another job left: its attempt, and the folder below it."""

    job: str
    attempt: int
    folder: str


@dataclass(frozen=True)
class Claimed:
    """A job that a supervisor holds. `attempt` is its fencing token."""

    id: str
    attempt: int
    spec: JobSpec
    checkpoint: dict[str, Any] | None
    """The published checkpoint to start from: {step, attempt, folder, points, …}."""
    origin: Origin | None = None
    """Where the other job's weights lie that this one starts from; None, too, when they are gone."""
    measured: bool = False
    """Whether it is known what they cost together on this hardware."""


@dataclass(frozen=True)
class Stretch:
    """A run of packed points of one curve, and the number of points that come before it."""

    key: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Advance:
    """How far a job has come: everything up to `step` has been written."""

    step: int
    steps: int
    training_seconds: float
    evaluation_seconds: float
    examples: int


class Attempts:
    """Jobs as supervisors hold them. Each verb raises LeaseLost where a newer attempt holds the job."""

    def __init__(self, store: Store, lease_seconds: float, max_losses: int, hardware: str = "") -> None:
        """`hardware`: what the trainers run on, in words: costs are known for each apart."""
        self._store = store
        self._lease = int(lease_seconds * 1000)
        self._max_losses = max_losses
        self._hardware = hardware

    async def claim(self, queue: str, ticket: str, worker: str, slot: str) -> list[Claimed]:
        """Take the best group there is; empty when there is none. The same ticket gets the same group.

        A worker that can do none of those that wait is held up, so that it leaves their doorbells to others.
        """
        answer = await self._store.run("claim", queue, ticket, worker, slot, self._lease, self._hardware, MOST_LANES)
        if answer == b"others":
            await asyncio.sleep(OTHERS_SECONDS)
            return []
        group = [job for entry in json.loads(answer) if (job := await self._read(entry))]
        return [await self._with_origin(job) for job in group]

    async def _read(self, entry: dict[str, Any]) -> Claimed | None:
        """None for a job whose spec cannot be read, which fails."""
        try:
            return _claimed(entry)
        except ValidationError as error:
            message = f"This worker cannot read the spec: {error.errors()[0]['msg']}."
            reason = Reason(code=Impossible.code, message=message).model_dump_json()
            await self._store.run("finish", entry["id"], entry["attempt"], State.FAILED.value, reason, "", "[]")
            return None

    async def _with_origin(self, job: Claimed) -> Claimed:
        wanted = job.spec.init_from
        if wanted is None or job.checkpoint is not None:
            return job
        [record] = await self._store.read(("HMGET", name("job", wanted.job), "attempt", "artifacts", "checkpoints"))
        return replace(job, origin=_origin(wanted, *record))

    async def renew(self, group: Sequence[Claimed]) -> dict[str, Wish | None]:
        """Prolong the leases; the wishes of the jobs still held. A job that is missing was lost."""
        pairs = [part for job in group for part in (job.id, job.attempt)]
        answers = await self._store.run("renew", self._lease, *pairs)
        return {
            job.id: answer.decode() or None for job, answer in zip(group, answers, strict=True) if answer != b"lost"
        }

    async def advance(self, job: Claimed, to: Advance, stretches: Sequence[Stretch]) -> Wish | None:
        """Write points and progress; returns the job's wish."""
        parts = [part for s in stretches for part in (s.key, s.offset, s.data)]
        numbers = (to.step, to.steps, to.training_seconds, to.evaluation_seconds, to.examples)
        return self._held(job, await self._store.run("points", job.id, job.attempt, *numbers, *parts)) or None  # type: ignore[return-value]

    async def tune(self, job: Claimed, spec: JobSpec, steps: int, tuned: Tuned) -> None:
        """Put down what `auto` became: later attempts start from these numbers."""
        answer = await self._store.run(
            "tune", job.id, job.attempt, spec.model_dump_json(), steps, tuned.model_dump_json()
        )
        self._held(job, answer)

    async def log(self, job: Claimed, lines: Sequence[str]) -> None:
        """Keep lines that the trainer wrote."""
        self._held(job, await self._store.run("log", job.id, job.attempt, *lines))

    async def publish(self, job: Claimed, checkpoint: dict[str, Any]) -> Wish | None:
        """Point to a checkpoint that is whole on disk; returns the job's wish."""
        pointer = json.dumps(checkpoint, sort_keys=True)
        answer = await self._store.run("checkpoint", job.id, job.attempt, pointer, job.spec.checkpoint.keep)
        return self._held(job, answer) or None  # type: ignore[return-value]  # the script answers with a wish

    async def kept(self, job: Claimed) -> set[tuple[int, str]]:
        """Attempt and folder of every checkpoint that is pointed to."""
        [known] = await self._store.read(("HGET", name("job", job.id), "checkpoints"))
        return {(entry["attempt"], entry["folder"]) for entry in json.loads(known or "[]")}

    async def succeed(self, job: Claimed, result: Result, artifacts: Sequence[Artifact]) -> None:
        """End a job well."""
        files = json.dumps([file.model_dump() for file in artifacts])
        await self._finish(job, State.SUCCEEDED, "", result.model_dump_json(), files)

    async def fail(self, job: Claimed, reason: Reason) -> None:
        """End a job badly."""
        await self._finish(job, State.FAILED, reason.model_dump_json(), "", "[]")

    async def cancelled(self, job: Claimed) -> None:
        """Say that a cancelled job's training is over."""
        await self._finish(job, State.CANCELLED, "", "", "[]")

    async def group(self, job: Claimed, fused: Fused, trains: bool, finding: Finding | None) -> Wish | None:
        """Put down with how many a job trains, and what was measured; one that does not goes back to its old place.

        Returns the job's wish.
        """
        found = finding.model_dump_json() if finding else ""
        answer = await self._store.run(
            "group",
            job.id,
            job.attempt,
            int(trains),
            fused.model_dump_json(),
            self._hardware,
            found,
            doorbell.message(doorbell.TRAIN),
            FINDING_SECONDS,
        )
        return self._held(job, answer) or None  # type: ignore[return-value]  # the script answers with a wish

    async def release(self, job: Claimed) -> None:
        """Give a job back, nothing lost: its wish to pause comes true, or it goes on elsewhere."""
        await self._give_back(job, 0, Reason(code="", message=""))

    async def lose(self, job: Claimed, reason: Reason, at_most: int | None = None) -> None:
        """Give back a job whose trainer died: counted; after `at_most` in a row it fails for this reason."""
        await self._give_back(job, 1, reason, at_most)

    async def _give_back(self, job: Claimed, lost: int, reason: Reason, at_most: int | None = None) -> None:
        bell = doorbell.message(doorbell.TRAIN)
        arguments = (lost, reason.code, reason.message, at_most or self._max_losses, bell)
        self._held(job, await self._store.run("release", job.id, job.attempt, *arguments))

    async def _finish(self, job: Claimed, state: State, *rest: str) -> None:
        self._held(job, await self._store.run("finish", job.id, job.attempt, state.value, *rest))

    def _held(self, job: Claimed, answer: bytes) -> str:
        if answer == b"lost":
            raise LeaseLost(f"Attempt {job.attempt} no longer holds {job.id}.")
        return answer.decode()


def _claimed(entry: dict[str, Any]) -> Claimed:
    checkpoint = json.loads(entry["checkpoint"]) if entry["checkpoint"] else None
    spec = JobSpec.model_validate_json(entry["spec"])
    return Claimed(entry["id"], entry["attempt"], spec, checkpoint, measured=entry["measured"])


def _origin(
    wanted: InitFrom, attempt: bytes | None, artifacts: bytes | None, checkpoints: bytes | None
) -> Origin | None:
    if wanted.step is None:
        return Origin(wanted.job, int(attempt), ARTIFACTS) if attempt and json.loads(artifacts or "[]") else None
    known = [entry for entry in json.loads(checkpoints or "[]") if entry["step"] == wanted.step]
    return Origin(wanted.job, known[-1]["attempt"], known[-1]["folder"]) if known else None
