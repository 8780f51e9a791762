"""ETag: a hash of the bytes, on every JSON answer that comes in one piece; 304 for a caller who has them."""

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class ETags:
    """Tags answers to GET, and spares the caller what it already has."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            return await self._app(scope, receive, send)
        return await self._app(scope, receive, Tagged(Headers(scope=scope).get("if-none-match", ""), send).send)


class Tagged:
    """One answer on its way out."""

    def __init__(self, known: str, send: Send) -> None:
        self._known = known
        self._send = send
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        """Hold the start back until the body is there to be hashed."""
        if message["type"] == "http.response.start" and _taggable(message):
            self._start = message
            return
        if self._start is not None:
            message = await self._begin(self._start, message)
        await self._send(message)

    async def _begin(self, start: Message, body: Message) -> Message:
        self._start = None
        if not body.get("more_body"):
            tag = f'"{hashlib.sha256(body["body"], usedforsecurity=False).hexdigest()[:32]}"'
            headers = MutableHeaders(scope=start)
            headers["ETag"] = tag
            if has(self._known, tag):
                start["status"], body = 304, {**body, "body": b""}
                del headers["Content-Length"]
        await self._send(start)
        return body


def has(known: str, tag: str) -> bool:
    """Whether `If-None-Match` names this tag."""
    return known.strip() == "*" or tag in (part.strip().removeprefix("W/") for part in known.split(","))


def _taggable(start: Message) -> bool:
    return start["status"] == 200 and (b"content-type", b"application/json") in start["headers"]
