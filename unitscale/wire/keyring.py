"""The record of API keys: secrets are stored hashed."""

import hashlib
import json
import secrets
import time
from typing import Any

from unitscale.errors import Conflict, Forbidden, NotFound, Unauthorized
from unitscale.models.document import moment, new_id
from unitscale.models.keys import OPERATORS, IssuedKey, Key, NewKey
from unitscale.wire.keys import name
from unitscale.wire.store import Store

FRESH_SECONDS = 1.0
REMEMBERED = 10_000


class Keyring:
    """Makes keys, tells whose they are, takes them back."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, tuple[float, Key]] = {}

    async def owner(self, secret: str) -> Key:
        """The key with this secret. A key taken back is refused a second later at the latest. Raises Unauthorized."""
        digest = _digest(secret)
        at, key = self._seen.get(digest, (float("-inf"), None))
        if key is None or time.monotonic() - at > FRESH_SECONDS:
            key = await self._look_up(digest)
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[digest] = (time.monotonic(), key)
        return key

    async def issue(self, wanted: NewKey, admin: Key) -> IssuedKey:
        """A new key; its secret is shown this once. Raises Forbidden for a project that the admin does not see to."""
        if not sees_to(admin, wanted.project):
            raise Forbidden(f"This key sees to the project '{admin.project}' alone.")
        return await self.admit("us_" + secrets.token_urlsafe(32), wanted)

    async def admit(self, secret: str, wanted: NewKey) -> IssuedKey:
        """Make this secret a key, once: admitted again, it stays as it is."""
        created = time.time_ns() // 10**6
        fields = {"id": new_id("key", created), "project": wanted.project, "scopes": json.dumps(wanted.scopes)}
        digest = _digest(secret)
        await self._store.run("admit", digest, *(part for pair in fields.items() for part in pair))
        return IssuedKey(**(await self._look_up(digest)).model_dump(), key=secret)

    async def all(self, admin: Key) -> list[Key]:
        """The keys that this admin sees to, newest first."""
        [digests] = await self._store.read(("ZREVRANGE", name("keys"), 0, -1))
        found = await self._store.read(*(("HGETALL", name("key", digest.decode())) for digest in digests))
        keys = [_key(fields) for fields in found if fields]  # one may have been taken back meanwhile
        return [key for key in keys if sees_to(admin, key.project)]

    async def take_back(self, key_id: str, admin: Key) -> None:
        """End a key. Raises NotFound, and Conflict for the admin's own: somebody has to stay who can make another."""
        if key_id == admin.id:
            raise Conflict("A key cannot take itself back; use another admin's.")
        digest = await self._store.run("take_back", key_id, "" if admin.project == OPERATORS else admin.project)
        if digest is None:
            raise NotFound(f"There is no key {key_id}.")
        self._seen.pop(digest.decode(), None)

    async def _look_up(self, digest: str) -> Key:
        [fields] = await self._store.read(("HGETALL", name("key", digest)))
        if not fields:
            raise Unauthorized("This API key is not known here.")
        return _key(fields)


def sees_to(admin: Key, project: str) -> bool:
    """Whether this admin manages the keys of that project."""
    return admin.project in (OPERATORS, project)


def _key(fields: dict[bytes, bytes]) -> Key:
    scopes: Any = json.loads(fields[b"scopes"])
    created = moment(int(fields[b"created_at"]))
    return Key(id=fields[b"id"].decode(), project=fields[b"project"].decode(), scopes=scopes, created_at=created)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
