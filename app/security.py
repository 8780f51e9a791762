"""Who asks, and what they may do."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from unitscale.errors import Forbidden, Unauthorized
from unitscale.models.keys import INCLUDES, Key, Scope

bearer = HTTPBearer(auto_error=False, scheme_name="key", description="An API key: `Authorization: Bearer us_…`")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def may(scope: Scope) -> Callable[..., Awaitable[Key]]:
    """The caller's key. Raises Unauthorized, and Forbidden where the key lacks the scope."""

    async def caller(request: Request, credentials: Credentials) -> Key:
        if credentials is None:
            raise Unauthorized("Send an API key: Authorization: Bearer <key>.")
        key = await request.app.state.services.keyring.owner(credentials.credentials)
        if not any(scope in INCLUDES[held] for held in key.scopes):
            raise Forbidden(f"This needs the scope '{scope}'; the key has: {', '.join(key.scopes)}.")
        return key

    return caller
