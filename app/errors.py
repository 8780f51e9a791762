"""Problem documents, RFC 9457: one table says which error is which status, here and nowhere else."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.http.pointers import Fields, located
from app.http.request_ids import request_id
from unitscale.errors import (
    Away,
    Conflict,
    Forbidden,
    LeaseLost,
    Malformed,
    NotFound,
    QuotaExceeded,
    ServiceError,
    TooLarge,
    TrainingError,
    Unauthorized,
)
from unitscale.models.problems import FieldProblem, Problem

STATUS: dict[type[ServiceError], int] = {
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    LeaseLost: 409,
    TooLarge: 413,
    Malformed: 422,
    QuotaExceeded: 429,
    TrainingError: 500,
    Away: 503,
}
"""An error that is not here has the status of the kind above it."""

MEDIA_TYPE = "application/problem+json"
QUOTA_RETRY_SECONDS = 10


class MethodNotAllowed(ServiceError):
    code = "method_not_allowed"
    title = "This path has no such method"


STATUS[MethodNotAllowed] = 405


def status_of(kind: type[ServiceError]) -> int:
    """The status that says this error."""
    return next((STATUS[base] for base in kind.__mro__ if base in STATUS), 500)


def problems(*kinds: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """What a route can answer besides what it is for, as OpenAPI says it."""
    by_status: dict[int, list[str]] = {}
    for kind in kinds:
        by_status.setdefault(status_of(kind), []).append(f"`{kind.code}`: {kind.title}.")
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": " ".join(said), "content": {MEDIA_TYPE: {"schema": schema}}}
        for status, said in sorted(by_status.items())
    }


def install(app: FastAPI) -> None:
    """Answer every error with a problem document."""
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)


def answer(request: Request, error: ServiceError, headers: Mapping[str, str] | None = None) -> Response:
    """The problem document of an error."""
    status = status_of(type(error))
    problem = Problem(
        type=error.code,
        title=error.title,
        status=status,
        detail=error.message,
        errors=tuple(FieldProblem(pointer=pointer, detail=detail) for pointer, detail in error.fields),
        request_id=request_id(request.scope),
    )
    return Response(
        problem.model_dump_json(exclude_none=True),
        status,
        media_type=MEDIA_TYPE,
        headers={**_headers(error), **(headers or {})},
    )


def _headers(error: ServiceError) -> dict[str, str]:
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, Away):
        return {"Retry-After": str(error.retry_after_seconds)}
    return {"Retry-After": str(QUOTA_RETRY_SECONDS)} if isinstance(error, QuotaExceeded) else {}


async def _service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101  # Starlette's handlers are typed for any exception
    return answer(request, error)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as above
    path = request.url.path[:200]
    known = {
        400: Malformed("The body cannot be read."),
        404: NotFound(f"There is nothing at {path}."),
        405: MethodNotAllowed(f"{request.method[:20]} does not work on {path}."),
        413: TooLarge("The body is larger than this service takes."),
    }
    return answer(request, known.get(error.status_code, ServiceError(str(error.detail))), error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as above
    found = located(error.errors(), error.body, request.url.path)
    return answer(request, _not_an_id(request) if found.in_path else _malformed(found))


def _not_an_id(request: Request) -> ServiceError:
    return NotFound(f"There is nothing at {request.url.path[:200]}.")


def _malformed(found: Fields) -> ServiceError:
    pointer, detail = found.fields[0]
    more = f" ({len(found.fields) - 1} more)" if len(found.fields) > 1 else ""
    return Malformed(f"{pointer or 'The body'}: {detail}{more}", found.fields)


async def _unexpected(request: Request, error: Exception) -> Response:  # noqa: ARG001  # it is in the log, not here
    headers = {"X-Request-ID": request_id(request.scope)}
    return answer(request, ServiceError("Something went wrong here; the log knows more."), headers)
