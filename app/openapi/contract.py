"""The contract as a document: OpenAPI 3.1."""

from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.security import SCHEME
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
        _say_who_may(made)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = made
    return app.openapi_schema


def _say_who_may(made: dict[str, Any]) -> None:
    """Every operation that can answer 401 needs a key."""
    made["components"]["securitySchemes"] = SCHEME
    for operation in (operation for path in made["paths"].values() for operation in path.values()):
        if "401" in operation["responses"]:
            operation["security"] = [{name: [] for name in SCHEME}]


def _schemas(kind: type[Problem | Event]) -> dict[str, Any]:
    schema = kind.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    inner = cast("dict[str, Any]", schema.pop("$defs", {}))
    return {kind.__name__: schema, **inner}
