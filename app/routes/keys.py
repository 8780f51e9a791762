"""API keys: made, listed, taken back by admins."""

from typing import Annotated

from fastapi import Path, Query

from app.dependencies import Admin, KeyringDep, Limit
from app.errors import problems
from app.pages import page_of_keys
from app.routing import routes_of
from unitscale.errors import NotFound
from unitscale.models.document import id_field
from unitscale.models.keys import IssuedKey, Key, NewKey
from unitscale.models.pages import Page

router = routes_of("keys")

KeyCursor = Annotated[str | None, id_field("key"), Query(description="`next_cursor` of the page before.")]
KeyId = Annotated[str, id_field("key"), Path(description="Id of a key.")]


@router.post("/keys", status_code=201)
async def create_key(wanted: NewKey, keyring: KeyringDep, caller: Admin) -> IssuedKey:  # noqa: ARG001  # admins only
    """Make a key. Its secret is shown this once, and stored only hashed."""
    return await keyring.issue(wanted)


@router.get("/keys")
async def list_keys(keyring: KeyringDep, caller: Admin, limit: Limit = 50, cursor: KeyCursor = None) -> Page[Key]:  # noqa: ARG001
    """Every key, newest first, without its secret."""
    return page_of_keys(await keyring.all(), limit, cursor)


@router.delete("/keys/{key_id}", status_code=204, responses=problems(NotFound))
async def delete_key(key_id: KeyId, keyring: KeyringDep, caller: Admin) -> None:  # noqa: ARG001  # admins only
    """Take a key back; within a second nothing accepts it any more."""
    await keyring.take_back(key_id)
