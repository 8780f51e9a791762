"""A body that is too large is refused: before it is read where its length is told, else as soon as it shows."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import answer
from unitscale.errors import TooLarge

UPLOAD = ("POST", "/v1/datasets")


class BodyLimit:
    """Counts the bytes of bodies; uploads have a limit of their own. (FastAPI's own limit answers in plain text.)"""

    def __init__(self, app: ASGIApp, most_bytes: int, most_upload_bytes: int) -> None:
        self._app = app
        self._most = most_bytes
        self._most_upload = most_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        most = self._most_upload if (scope["method"], scope["path"]) == UPLOAD else self._most
        told = Headers(scope=scope).get("content-length", "0")
        if told.isdecimal() and int(told) > most:
            error = TooLarge(f"The body has {told[:20]} bytes; this service takes {most}.")
            return await answer(Request(scope), error, {"Connection": "close"})(scope, receive, send)
        return await self._app(scope, _counted(receive, most), send)


def _counted(receive: Receive, most: int) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(413)
        return message

    return counted
