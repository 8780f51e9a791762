"""From a job's hash in Redis to the words of the API."""

import json
from functools import lru_cache
from typing import Any

from unitscale.models.document import moment
from unitscale.models.jobs import Checkpoint, Fused, Job, Progress, Queue, Reason, Result, State, Timings
from unitscale.models.specs import JobSpec
from unitscale.models.tuned import Tuned

Record = dict[bytes, bytes]
DOCUMENTS = 1024
TIMED = ("queued_ms", "startup_ms", "step", "examples", "training_seconds", "evaluation_seconds", "spec")
"""Fields of a job's hash that its timings follow from."""


def text(value: bytes | None) -> str:
    """A field as text; absent is empty."""
    return value.decode() if value else ""


def job_of(job_id: str, record: Record, queue: Queue | None) -> Job:
    """The job that this hash holds."""
    campaign = text(record.get(b"campaign"))
    return Job(
        id=job_id,
        state=State(text(record[b"state"])),
        wish=text(record.get(b"wish")) or None,  # type: ignore[arg-type]  # pydantic checks the word
        reason=Reason.model_validate_json(record[b"reason"]) if record.get(b"reason") else None,
        requested=_spec(record[b"requested"]),
        spec=_spec(record[b"spec"]),
        tuned=Tuned.model_validate_json(record[b"tuned"]) if record.get(b"tuned") else None,
        attempt=int(record[b"attempt"]),
        losses=int(record[b"losses"]),
        created_at=moment(int(record[b"created_at"])),
        started_at=_moment(record.get(b"started_at")),
        ended_at=_moment(record.get(b"ended_at")),
        queue=queue,
        progress=_progress(record, _spec(record[b"spec"])),
        timings=timings_of(record),
        result=Result.model_validate_json(record[b"result"]) if record.get(b"result") else None,
        fused=Fused.model_validate_json(record[b"fused"]) if record.get(b"fused") else None,
        hardware=text(record.get(b"hardware")) or None,
        sweep=_of_kind("sw_", campaign),
        study=_of_kind("st_", campaign),
        transfer=_of_kind("tr_", campaign),
    )


def _of_kind(prefix: str, campaign: str) -> str | None:
    return campaign if campaign.startswith(prefix) else None


@lru_cache(maxsize=1024)
def _spec(document: bytes) -> JobSpec:
    """A spec, read once for all who poll its job: it takes longer than the rest of the record, and seldom changes."""
    return JobSpec.model_validate_json(document)


@lru_cache(DOCUMENTS)
def document_of(job_id: str, fields: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """The same as JSON, for a job that waits for nothing; remembered, since pollers ask again and again."""
    return job_of(job_id, dict(fields), None).model_dump_json().encode()


def checkpoints_of(record: Record) -> list[Checkpoint]:
    """The checkpoints that this hash names, oldest first."""
    known: list[dict[str, Any]] = json.loads(record.get(b"checkpoints") or "[]")
    return [Checkpoint.model_validate(entry | {"created_at": moment(entry["created_at"])}) for entry in known]


def _moment(value: bytes | None) -> Any:
    return moment(int(value)) if value else None


def _progress(record: Record, spec: JobSpec) -> Progress:
    step, steps = int(record.get(b"step", 0)), int(record.get(b"steps", 0))
    seconds = float(record.get(b"training_seconds", 0))
    running, own = record[b"state"] == b"running", step - spec.after
    return Progress(
        step=step,
        steps=steps or None,
        fraction=min(1.0, step / steps) if steps else 0.0,
        eta_seconds=seconds / own * (steps - step) if running and own > 0 else None,
    )


def timings_of(record: Record) -> Timings:
    """What `TIMED` fields of a job's hash come to."""
    spec = _spec(record[b"spec"])
    step, examples = int(record.get(b"step", 0)), int(record.get(b"examples", 0))
    seconds = float(record.get(b"training_seconds", 0))
    return Timings(
        queued_seconds=int(record[b"queued_ms"]) / 1000 if b"queued_ms" in record else None,
        startup_seconds=int(record[b"startup_ms"]) / 1000 if record.get(b"startup_ms") else None,
        training_seconds=seconds if step else None,
        evaluation_seconds=float(record.get(b"evaluation_seconds", 0)) if step else None,
        steps_per_second=(step - spec.after) / seconds if seconds else None,
        examples_per_second=examples / seconds if seconds else None,
        tokens_per_second=examples * spec.model.context / seconds if seconds and spec.model.context else None,
    )
