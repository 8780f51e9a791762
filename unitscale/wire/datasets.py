"""The record of uploaded data sets: what they are, where their check stands, who uses them."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unitscale.errors import DatasetInUse, IdempotencyMismatch, NotFound
from unitscale.models.datasets import Dataset, DatasetForm
from unitscale.models.document import moment, new_id
from unitscale.models.jobs import Reason
from unitscale.models.pages import Page
from unitscale.wire import doorbell, listing
from unitscale.wire.jobs import Idempotency
from unitscale.wire.keys import name
from unitscale.wire.reading import text
from unitscale.wire.store import Store


@dataclass(frozen=True)
class Upload:
    """A file that lies whole on disk, and what was said of it."""

    id: str
    form: DatasetForm
    format: str
    """The ending of the file's name."""
    bytes: int
    sha256: str


class Datasets:
    """Data sets as projects see them. What belongs to another project does not exist."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, project: str, upload: Upload, idempotency: Idempotency | None) -> tuple[Dataset, bool]:
        """Record a data set and ask for its check, in one step. The flag says whether it was there already.

        Raises IdempotencyMismatch.
        """
        key, body = (idempotency.key, idempotency.body) if idempotency else ("", "")
        fields = [part for pair in _fields(upload).items() for part in pair]
        bell = doorbell.message(doorbell.ANSWER)
        outcome, found = await self._store.run("enter", upload.id, project, key, body, bell, *fields)
        if outcome == b"mismatch":
            raise IdempotencyMismatch
        return await self.get(project, text(found)), outcome == b"replayed"

    async def get(self, project: str, dataset_id: str) -> Dataset:
        """The data set as it stands. Raises NotFound."""
        [record] = await self._store.read(("HGETALL", name("dataset", dataset_id)))
        if text(record.get(b"project")) != project:
            raise NotFound(f"There is no data set {dataset_id}.")
        return _dataset(dataset_id, record)

    async def page(self, project: str, limit: int, cursor: str | None) -> Page[Dataset]:
        """Newest first. Raises Malformed for a cursor that was not given out here."""
        return await listing.page(self._store, name("dataset_listing", project), self._read, limit, cursor)

    async def _read(self, ids: Sequence[str]) -> list[Dataset | None]:
        records = await self._store.read(*(("HGETALL", name("dataset", i)) for i in ids))
        return [_dataset(i, record) if record else None for i, record in zip(ids, records, strict=True)]

    async def delete(self, project: str, dataset_id: str) -> None:
        """Forget a data set. Raises NotFound, DatasetInUse."""
        outcome = await self._store.run("drop", dataset_id, project)
        if outcome == b"missing":
            raise NotFound(f"There is no data set {dataset_id}.")
        if outcome == b"used":
            raise DatasetInUse(f"Unfinished jobs use {dataset_id}; wait for their end, or cancel them.")

    async def unknown(self, ids: Sequence[str]) -> list[str]:
        """Those of these that the record has nothing of."""
        there = await self._store.read(*(("EXISTS", name("dataset", dataset_id)) for dataset_id in ids))
        return [dataset_id for dataset_id, known in zip(ids, there, strict=True) if not known]


def fresh_id() -> str:
    """An id for a data set that is about to be uploaded."""
    return new_id("ds", time.time_ns() // 10**6)


def _fields(upload: Upload) -> dict[str, str | int]:
    form = upload.form
    said: dict[str, str | int] = {"task": form.task.value, "name": form.name, "target": form.target or ""}
    return {**said, "format": upload.format, "bytes": upload.bytes, "sha256": upload.sha256}


def _dataset(dataset_id: str, record: dict[bytes, bytes]) -> Dataset:
    contents: dict[str, Any] | None = json.loads(record.get(b"contents") or "null")
    plain = {field: text(record[field.encode()]) for field in ("state", "task", "name", "sha256")}
    checked = record.get(b"checked_at")
    return Dataset.model_validate(
        {
            **plain,
            "id": dataset_id,
            "reason": Reason.model_validate_json(record[b"reason"]) if record.get(b"reason") else None,
            "target": text(record.get(b"target")) or None,
            "bytes": int(record[b"bytes"]),
            "rows": contents["rows"] if contents else None,
            "contents": contents,
            "created_at": moment(int(record[b"created_at"])),
            "checked_at": moment(int(checked)) if checked else None,
        }
    )
