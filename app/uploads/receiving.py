"""An upload on its way in: streamed to disk and hashed, in parts of a mebibyte, then handed to the record."""

import hashlib
import os
from asyncio import to_thread
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from app.http.idempotency import of_upload
from app.services import Services
from app.uploads.multipart import Form, broken
from unitscale.errors import Malformed, StoreAway, TooLarge
from unitscale.models.datasets import FORMATS, Dataset, DatasetForm
from unitscale.models.specs import TaskName
from unitscale.wire.datasets import Upload, fresh_id

PART_BYTES = 2**20
FIELDS = frozenset(DatasetForm.model_fields)
ENDINGS = frozenset(ending for endings in FORMATS.values() for ending in endings)


@dataclass
class Sink:
    """A file that is being written, with its size and hash so far."""

    file: BinaryIO
    most: int
    """Bytes that it may have."""
    size: int = 0
    """Bytes."""

    def __post_init__(self) -> None:
        self.hash = hashlib.sha256()

    def take(self, data: bytes) -> None:
        """Raises TooLarge."""
        if self.size + len(data) > self.most:
            raise TooLarge(f"The file has more than the {self.most:,} bytes that this service takes.")
        self.file.write(data)
        self.hash.update(data)
        self.size += len(data)

    def close(self) -> None:
        """Have everything on disk."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()


async def take_in(services: Services, project: str, request: Request, key: str | None) -> tuple[Dataset, bool]:
    """The data set that the request carries, and whether an earlier one with the same key had made it.

    Raises Malformed, TooLarge, IdempotencyMismatch.
    """
    form = Form(request.headers.get("content-type", ""), FIELDS, _admit)
    async with _part(services) as part:
        sink = Sink(await to_thread(part.open, "xb"), services.settings.max_dataset_bytes)
        await _receive(request, form, sink)
        said, ending = _said(form), _ending(str(form.file_name))
        upload = Upload(fresh_id(), said, ending, sink.size, sink.hash.hexdigest())
        await to_thread(services.uploads.keep, part, upload.id, upload.sha256)
        return await _record(services, project, upload, key)


async def _record(services: Services, project: str, upload: Upload, key: str | None) -> tuple[Dataset, bool]:
    """Record an upload that lies in its place; take it away again where the record has no need of it.

    It stays when the record could not be reached: a write that timed out may have been done.
    """
    needed = False
    try:
        dataset, replayed = await services.datasets.add(project, upload, of_upload(upload, key))
        needed = not replayed
    except StoreAway:
        needed = True
        raise
    finally:
        if not needed:
            await to_thread(services.uploads.forget, upload.id, upload.sha256)
    return dataset, replayed


async def _receive(request: Request, form: Form, sink: Sink) -> None:
    """Write and hash the file as it comes; the disk has it when this returns."""
    try:
        async for chunk in request.stream():
            form.feed(chunk)
            if len(form.file_data) >= PART_BYTES:
                await _pour(form, sink)
        await _pour(form, sink)
    except ClientDisconnect as error:
        raise broken("the connection was lost") from error
    finally:
        await to_thread(sink.close)
    if not form.whole:
        raise broken("its end is missing")


async def _pour(form: Form, sink: Sink) -> None:
    data, form.file_data = bytes(form.file_data), bytearray()
    await to_thread(sink.take, data)


@asynccontextmanager
async def _part(services: Services) -> AsyncGenerator[Path]:
    """A place for the upload, which leaves nothing behind."""
    part = await to_thread(services.uploads.part)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)  # one call, also when the request is cancelled


def _said(form: Form) -> DatasetForm:
    """The fields of the form, checked. Raises RequestValidationError, and Malformed for a file that does not fit."""
    if form.file_name is None:
        raise _unfit("Field required: the data set as a file.")
    try:
        said = DatasetForm.model_validate({"name": form.file_name} | form.fields)
    except ValidationError as error:
        found = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(found, body=form.fields) from error
    _fit(said, form.file_name)
    return said


def _fit(said: DatasetForm, file_name: str) -> None:
    """Raises Malformed for a file that this task cannot be learnt from, and for a field that the task does not have."""
    endings = FORMATS.get(said.task)
    if endings is None:
        known = ", ".join(task.value for task in FORMATS)
        detail = f"Data sets for {said.task.value} cannot be uploaded yet; these can: {known}."
        raise Malformed(detail, (("/task", detail),))
    if _ending(file_name) not in endings:
        raise _unfit(f"{said.task.value} takes {' or '.join(endings)}, and this is {file_name}.")
    if said.target is not None and said.task is not TaskName.REGRESSION:
        detail = f"{said.task.value} has no target column."
        raise Malformed(detail, (("/target", detail),))


def _admit(file_name: str) -> None:
    """Refuse a file that no task takes, before it is read."""
    if _ending(file_name) not in ENDINGS:
        raise _unfit(f"A data set is one of {', '.join(sorted(ENDINGS))}, and this is {file_name}.")


def _ending(file_name: str) -> str:
    return PurePath(file_name).suffix.lower()


def _unfit(detail: str) -> Malformed:
    return Malformed(f"/file: {detail}", (("/file", detail),))
