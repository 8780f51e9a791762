"""Every request has an id, the caller's own where it is a sane one, and every answer says it."""

import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SANE = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
KEY = "unitscale.request_id"


def request_id(scope: Scope) -> str:
    """The id of this request."""
    if KEY not in scope:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        scope[KEY] = given.decode() if SANE.fullmatch(given) else secrets.token_hex(8)
    return scope[KEY]


class RequestIds:
    """Sends X-Request-ID back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        number = request_id(scope)

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = number
            await send(message)

        return await self._app(scope, receive, say)
