"""Shelves: where files are kept so that every machine of the service finds them.

What lies in the folder `name` below the data directory stands on the shelf under the same name. With one machine, or a
file system that all machines see, the data directory is the shelf; else an object store is, and the data directory
holds working copies.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from unitscale.errors import NotFound
from unitscale.wire.settings import Settings

BLOCK_BYTES = 2**20


class Shelf(Protocol):
    """Keeps files and folders by name. Every verb may block, and may be repeated; each raises FilesAway."""

    elsewhere: bool
    """Whether files have to be sent and brought: a verb then takes as long as the network does."""

    def keep(self, local: Path, name: str) -> None:
        """Have a file, or all files of a folder, under this name, where every machine finds them."""
        ...

    def bring(self, name: str) -> Path:
        """The folder of this name, on this machine. What is not on the shelf is not there either."""
        ...

    def blocks(self, name: str) -> Iterator[bytes]:
        """The bytes of one file. Raises NotFound."""
        ...

    def below(self, name: str) -> list[str]:
        """What stands in a folder, by its last name."""
        ...

    def forget(self, name: str) -> None:
        """Remove everything under this name. What cannot be reached now stays."""
        ...

    def clear(self, name: str) -> None:
        """The working copy below the data directory is needed no more; what was kept stays."""
        ...


class Folder:
    """The data directory itself."""

    elsewhere = False

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, local: Path, name: str) -> None:
        """It lies there already, unless it was written elsewhere."""
        place = self._root / name
        if local != place:
            place.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if local.is_dir() else shutil.copyfile)(local, place)

    def bring(self, name: str) -> Path:
        """It is here."""
        return self._root / name

    def blocks(self, name: str) -> Iterator[bytes]:
        """From the disk."""
        try:
            with (self._root / name).open("rb") as file:
                while block := file.read(BLOCK_BYTES):
                    yield block
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise NotFound(f"There is no file {name}.") from error

    def below(self, name: str) -> list[str]:
        """Names in the folder."""
        folder = self._root / name
        return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []

    def forget(self, name: str) -> None:
        """Remove it."""
        shutil.rmtree(self._root / name, ignore_errors=True)

    def clear(self, name: str) -> None:
        """It is what was kept."""


def shelf_of(settings: Settings) -> Shelf:
    """The shelf that the settings name."""
    if settings.blob_url is None:
        return Folder(settings.data_folder)
    from unitscale.wire.buckets import Bucket  # noqa: PLC0415  its libraries take a second to load

    return Bucket(settings.data_folder, settings.blob_url, settings.max_cache_bytes)
