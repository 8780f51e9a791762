"""Answers to requests that make something: where it is, and whether an earlier request had made it."""

from typing import Any

from fastapi import Response


def created(what: str) -> dict[int | str, dict[str, Any]]:
    """What a route that makes something answers, as OpenAPI says it."""
    replayed = "`true` when an earlier request had made it."
    headers = {
        "Location": {"description": "Where it is.", "schema": {"type": "string"}},
        "Idempotency-Replayed": {"description": replayed, "schema": {"type": "string"}},
    }
    return {201: {"description": what, "headers": headers}}


def located(response: Response, path: str, replayed: bool) -> None:
    """Say where what was made is, and whether an earlier request had made it."""
    response.headers["Location"] = path
    response.headers.update({"Idempotency-Replayed": "true"} if replayed else {})
