"""The first key: given by the operator, or made at first start and kept beside the data."""

import asyncio
import os
import secrets
from pathlib import Path

from unitscale.errors import StoreAway
from unitscale.models.keys import OPERATORS, NewKey
from unitscale.wire.files import put_first
from unitscale.wire.keyring import Keyring
from unitscale.wire.settings import Settings

RETRY_SECONDS = 0.5


class Admission:
    """Lets the admin in, as soon as the record can be reached."""

    def __init__(self, keyring: Keyring, settings: Settings) -> None:
        self._keyring = keyring
        self._secret = admin_secret(settings)
        self.done = False

    async def attempt(self) -> None:
        """Make the admin key known, once. Raises StoreAway."""
        await self._keyring.admit(self._secret, NewKey(project=OPERATORS, scopes=("admin",)))
        self.done = True

    async def run(self) -> None:
        """Try until it is done."""
        while not self.done:
            try:
                await self.attempt()
            except StoreAway:
                await asyncio.sleep(RETRY_SECONDS)


def admin_secret(settings: Settings) -> str:
    """The admin key: the given one, or the one in the data directory, made where there is none."""
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    path = settings.data_folder / "admin.key"
    if not path.exists():
        _make(path)
    return path.read_text().strip()


def _make(path: Path) -> None:
    """Write a new key that only this user can read; the one who comes second takes the first one's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("us_" + secrets.token_urlsafe(32) + "\n")
    put_first(part, path)
