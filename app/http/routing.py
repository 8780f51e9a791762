"""How routes read requests: strict JSON, no parameter that nobody looks at, and one route for each kind of answer."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.routing import Match
from starlette.types import Scope

from app.errors import problems
from unitscale.errors import Forbidden, Malformed, StoreAway, Unauthorized


class StrictRequest(Request):
    """Reads JSON as RFC 8259 has it: no NaN, no lone surrogates, no bottomless nesting."""

    async def json(self) -> Any:
        body = await self.body()
        try:
            return from_json(body, allow_inf_nan=False)
        except ValueError as error:
            raise json.JSONDecodeError(str(error)[:200], "", 0) from error


class StrictRoute(APIRoute):
    """A route that reads strict requests and refuses query parameters it does not have."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        known = {field.alias for field in get_flat_params(self.dependant) if isinstance(field.field_info, params.Query)}

        async def strict(request: Request) -> Response:
            if request.scope["query_string"]:
                _refuse_unknown(request, known)
            return await handle(StrictRequest(request.scope, request.receive))

        return strict


def _refuse_unknown(request: Request, known: set[str]) -> None:
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        fields = tuple((f"?{name[:100]}", "There is no such parameter here.") for name in unknown[:10])
        raise Malformed(f"There is no parameter '{unknown[0][:100]}' here.", fields)


def _accepting(media_type: str) -> type[StrictRoute]:
    """Routes that stand in for the next one of the same path when the caller asks for this media type."""

    class Accepting(StrictRoute):
        def matches(self, scope: Scope) -> tuple[Match, Scope]:
            if any(media_type in value.decode("latin-1") for name, value in scope["headers"] if name == b"accept"):
                return super().matches(scope)
            return Match.NONE, {}

    return Accepting


def own_name(route: APIRoute) -> str:
    """Operation ids are the names of the functions: they read well in a generated client."""
    return route.name


def routes_of(noun: str, accepting: str | None = None, route_class: type[StrictRoute] = StrictRoute) -> APIRouter:
    """A router for one noun of the API; each of its routes needs a key.

    With `accepting`, its routes stand in for others of the same path when the caller accepts that media type. The
    contract tells of them where it tells of those others.
    """
    return APIRouter(
        prefix="/v1",
        tags=[noun],
        route_class=_accepting(accepting) if accepting else route_class,
        responses=problems(Unauthorized, Forbidden, Malformed, StoreAway),
        include_in_schema=accepting is None,
        generate_unique_id_function=own_name,
    )
