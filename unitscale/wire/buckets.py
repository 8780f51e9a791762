"""The shelf in an object store, `s3://bucket/prefix`: credentials and endpoint are AWS's own variables and files.

<data-dir>/fetched/{name}   what was brought, the latest at hand; it may be deleted at any time
"""

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import s3fs  # pyright: ignore[reportMissingTypeStubs]
import structlog

from unitscale.errors import FilesAway, NotFound

TRIES = 2
CONFIG = {"connect_timeout": 2, "read_timeout": 30, "retries": {"max_attempts": 1}}
BLOCK_BYTES = 2**20
READ_AHEAD_BYTES = 8 * 2**20
FRESH_SECONDS = 3600.0
"""What was asked for so lately is not removed to make room: someone may be about to read it."""
SAY_SECONDS = 10.0

log = structlog.get_logger()


class Bucket:
    """Objects under one prefix. An object appears whole or not at all, and is seen by everyone from then on."""

    elsewhere = True

    def __init__(self, root: Path, url: str, most_bytes: int, **options: Any) -> None:
        self._root, self._fetched = root, root / "fetched"
        self._prefix = url.removeprefix("s3://").rstrip("/")
        self._most_bytes = most_bytes
        self._options = options
        self._opened: Any = None
        self._said = -SAY_SECONDS

    def keep(self, local: Path, name: str) -> None:
        """Send a file, or all files of a folder."""
        files = [file for file in sorted(local.rglob("*")) if file.is_file()] if local.is_dir() else [local]
        with self._reached():
            for file in files:
                within = f"/{file.relative_to(local).as_posix()}" if file != local else ""
                self._store.put_file(str(file), f"{self._prefix}/{name}{within}")

    def bring(self, name: str) -> Path:
        """The folder as it was kept; fetched unless it is at hand."""
        place = self._fetched / name
        if not place.exists():
            self._fetch(name, place)
        with contextlib.suppress(OSError):
            os.utime(self._entry(name))
        return place

    def blocks(self, name: str) -> Iterator[bytes]:
        """Straight from the store. Raises NotFound."""
        try:
            with self._reached(missing_is_known=True):
                file = self._store.open(f"{self._prefix}/{name}", "rb", block_size=READ_AHEAD_BYTES)
            while block := self._read(file):
                yield block
        except FileNotFoundError as error:
            raise NotFound(f"There is no file {name}.") from error

    def below(self, name: str) -> list[str]:
        """Last names of the objects and folders there."""
        with contextlib.suppress(FileNotFoundError), self._reached(missing_is_known=True):
            return sorted(
                str(path).rpartition("/")[2] for path in self._store.ls(f"{self._prefix}/{name}", detail=False)
            )
        return []

    def forget(self, name: str) -> None:
        """Remove working copies and objects. Objects that cannot be reached stay, and the log names them."""
        self.clear(name)
        shutil.rmtree(self._fetched / name, ignore_errors=True)
        try:
            with self._reached():
                found = self._store.find(f"{self._prefix}/{name}")
                if found:
                    self._store.rm(found)
        except FilesAway:
            log.warning("objects that nothing needs stay in the store", name=f"s3://{self._prefix}/{name}")

    def clear(self, name: str) -> None:
        """Remove the working copy."""
        shutil.rmtree(self._root / name, ignore_errors=True)

    @property
    def _store(self) -> Any:
        """Opened when it is first needed: a process that forks must not have done so before."""
        if self._opened is None:
            self._opened = s3fs.S3FileSystem(
                config_kwargs=CONFIG, use_listings_cache=False, skip_instance_cache=True, **self._options
            )
            self._opened.retries = TRIES
        return self._opened

    def _read(self, file: Any) -> bytes:
        with self._reached():
            return file.read(BLOCK_BYTES)

    def _fetch(self, name: str, place: Path) -> None:
        """Fetch to a name of one's own, then rename: a reader sees all of it or nothing."""
        path = f"{self._prefix}/{name}"
        with self._reached():
            found: dict[str, Any] = self._store.find(path, detail=True)
        if not found:
            return
        self._make_room(sum(int(entry["size"]) for entry in found.values()))
        unfinished = self._fetched / f".{secrets.token_hex(8)}"
        try:
            for each in found:
                target = unfinished / str(each).removeprefix(path).lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                with self._reached():
                    self._store.get_file(each, str(target))
            place.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # another process was faster
                unfinished.rename(place)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _entry(self, name: str) -> Path:
        """What goes as one when room is made: all of a data set, or of a job."""
        return self._fetched.joinpath(*name.split("/")[:2])

    def _make_room(self, needed: int) -> None:
        """Remove what was not asked for lately, the oldest first, until the rest and `needed` are within the bound."""
        entries = sorted((entry.stat().st_mtime, _bytes(entry), entry) for entry in self._fetched.glob("*/*"))
        total = needed + sum(size for _, size, _ in entries)
        for asked, size, entry in entries:
            if total <= self._most_bytes or time.time() - asked < FRESH_SECONDS:
                return
            shutil.rmtree(entry, ignore_errors=True)
            total -= size

    @contextlib.contextmanager
    def _reached(self, missing_is_known: bool = False) -> Generator[None]:
        """Whatever the libraries make of an outage, a refused key or a bucket that is not there: FilesAway."""
        try:
            yield
        except Exception as error:
            if missing_is_known and isinstance(error, FileNotFoundError):
                raise
            if time.monotonic() - self._said > SAY_SECONDS:
                self._said = time.monotonic()
                log.warning("the object store cannot be used", url=f"s3://{self._prefix}", error=repr(error))
            raise FilesAway("The object store cannot be reached.") from error


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
