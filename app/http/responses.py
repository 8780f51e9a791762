"""Answers that are not simply a model."""

from fastapi import Response
from pydantic import BaseModel
from pydantic_core import to_json


def document(word: BaseModel, status: int = 200) -> Response:
    """A word as JSON, with a status of its own."""
    return raw(word.model_dump_json().encode(), status)


def measures(content: object) -> Response:
    """Plain numbers as JSON, past pydantic's checks, which cost seconds for long curves; null where not finite."""
    return raw(to_json(content, inf_nan_mode="null"))


def raw(body: bytes, status: int = 200) -> Response:
    """Bytes that are JSON already."""
    return Response(body, status, media_type="application/json")
