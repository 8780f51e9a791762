"""Who asks, and what they may do."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from unitscale.errors import Forbidden, Unauthorized
from unitscale.models.keys import INCLUDES, Key, Scope

SCHEME = {"key": {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer us_…`"}}


def may(scope: Scope) -> Callable[[Request], Awaitable[Key]]:
    """The caller's key. Raises Unauthorized, and Forbidden where the key lacks the scope."""

    async def caller(request: Request) -> Key:
        key = await request.app.state.services.keyring.owner(_secret(request))
        if not any(scope in INCLUDES[held] for held in key.scopes):
            raise Forbidden(f"This needs the scope '{scope}'; the key has: {', '.join(key.scopes)}.")
        return key

    return caller


def _secret(request: Request) -> str:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Unauthorized("Send an API key: Authorization: Bearer <key>.")
    return secret.strip()
