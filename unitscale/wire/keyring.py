"""The record of API keys: secrets are stored hashed."""

import hashlib
import json
import secrets
import time
from typing import Any

from unitscale.errors import NotFound, Unauthorized
from unitscale.models.document import moment, new_id
from unitscale.models.keys import IssuedKey, Key, NewKey
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

    async def issue(self, wanted: NewKey) -> IssuedKey:
        """A new key; its secret is shown this once."""
        return await self.admit("us_" + secrets.token_urlsafe(32), wanted)

    async def admit(self, secret: str, wanted: NewKey) -> IssuedKey:
        """Make this secret a key, once: admitted again, it stays as it is."""
        created = time.time_ns() // 10**6
        fields = {"id": new_id("key", created), "project": wanted.project, "scopes": json.dumps(wanted.scopes)}
        digest = _digest(secret)
        await self._store.run("admit", digest, *(part for pair in fields.items() for part in pair))
        return IssuedKey(**(await self._look_up(digest)).model_dump(), key=secret)

    async def all(self) -> list[Key]:
        """Every key, newest first."""
        [digests] = await self._store.read(("ZREVRANGE", name("keys"), 0, -1))
        found = await self._store.read(*(("HGETALL", name("key", digest.decode())) for digest in digests))
        return [_key(fields) for fields in found if fields]  # one may have been taken back meanwhile

    async def take_back(self, key_id: str) -> None:
        """End a key. Raises NotFound."""
        [digests] = await self._store.read(("ZRANGE", name("keys"), 0, -1))
        for digest in [entry.decode() for entry in digests]:
            if (await self._look_up(digest)).id == key_id:
                await self._store.read(("DEL", name("key", digest)), ("ZREM", name("keys"), digest))
                self._seen.pop(digest, None)
                return
        raise NotFound(f"There is no key {key_id}.")

    async def _look_up(self, digest: str) -> Key:
        [fields] = await self._store.read(("HGETALL", name("key", digest)))
        if not fields:
            raise Unauthorized("This API key is not known here.")
        return _key(fields)


def _key(fields: dict[bytes, bytes]) -> Key:
    scopes: Any = json.loads(fields[b"scopes"])
    created = moment(int(fields[b"created_at"]))
    return Key(id=fields[b"id"].decode(), project=fields[b"project"].decode(), scopes=scopes, created_at=created)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
