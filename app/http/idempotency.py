"""A caller's promise that a repeated request is the same one."""

import hashlib
import json
from typing import Annotated

from fastapi import Header

from unitscale.models.document import Document
from unitscale.wire.datasets import Upload
from unitscale.wire.jobs import Idempotency

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="Repeated with the same body within 24 hours, the request does nothing and is answered again.",
    ),
]


def of_body(path: str, body: Document, idempotency_key: str | None) -> Idempotency | None:
    """The key, hashed, and a digest of the request it came with: a body that makes something where it is posted to."""
    if idempotency_key is None:
        return None
    sent = json.dumps(body.model_dump(mode="json", exclude_unset=True), sort_keys=True)
    return Idempotency(_digest(idempotency_key), _digest(f"POST {path}\n{sent}"))


def of_upload(upload: Upload, idempotency_key: str | None) -> Idempotency | None:
    """The same for an upload, once its content is known."""
    if idempotency_key is None:
        return None
    body = json.dumps([upload.form.model_dump(mode="json"), upload.format, upload.sha256], sort_keys=True)
    return Idempotency(_digest(idempotency_key), _digest(f"POST /v1/datasets\n{body}"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
