"""API keys: made, listed, taken back by admins."""

from typing import Annotated

from fastapi import Path, Query

from app.dependencies import Admin, KeyringDep, Limit
from app.errors import problems
from app.http.pages import page_of_keys
from app.http.routing import routes_of
from unitscale.errors import Conflict, NotFound
from unitscale.models.document import id_field
from unitscale.models.keys import IssuedKey, Key, NewKey
from unitscale.models.pages import Page

router = routes_of("keys")

KeyCursor = Annotated[str | None, id_field("key"), Query(description="`next_cursor` of the page before.")]
KeyId = Annotated[str, id_field("key"), Path(description="Id of a key.")]


@router.post("/keys", status_code=201)
async def create_key(wanted: NewKey, keyring: KeyringDep, caller: Admin) -> IssuedKey:
    """Make a key. Its secret is shown this once, and stored only hashed."""
    return await keyring.issue(wanted, caller)


@router.get("/keys")
async def list_keys(keyring: KeyringDep, caller: Admin, limit: Limit = 50, cursor: KeyCursor = None) -> Page[Key]:
    """The keys that the caller sees to, newest first, without their secrets."""
    return page_of_keys(await keyring.all(caller), limit, cursor)


@router.delete("/keys/{key_id}", status_code=204, responses=problems(NotFound, Conflict))
async def delete_key(key_id: KeyId, keyring: KeyringDep, caller: Admin) -> None:
    """Take a key back; within a second nothing accepts it any more. No key takes itself back: one admin stays."""
    await keyring.take_back(key_id, caller)
