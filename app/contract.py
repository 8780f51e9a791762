"""The contract as a document: OpenAPI 3.1."""

from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from unitscale.models.events import Event
from unitscale.models.problems import Problem

TITLE = "Unitscale"
DESCRIPTION = """Choose the units of training (learning rate, batch size, precision, parametrization) over HTTP.

Submit a training job, follow its curves, compare what came out. Errors are problem documents (RFC 9457): `type` is a
stable word for programs, and `errors` points into the body as sent."""


def install(app: FastAPI) -> None:
    """Let the application describe itself this way."""
    app.openapi = lambda: document(app)


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas: dict[str, Any] = made["components"]["schemas"]
        schemas.update(_schemas(Problem) | _schemas(Event))
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = made
    return app.openapi_schema


def _schemas(kind: type[Problem | Event]) -> dict[str, Any]:
    schema = kind.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    inner = cast("dict[str, Any]", schema.pop("$defs", {}))
    return {kind.__name__: schema, **inner}
