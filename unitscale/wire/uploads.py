"""The files of uploaded data sets, below the data directory.

datasets/incoming/      uploads on their way in
datasets/files/{sha256} each content once, however many data sets have it
datasets/{id}/upload    a data set's own name for its content: a hard link, so that nobody else can take it away
datasets/{id}/…         what its check prepared for training

In an object store a data set has its content for itself: `datasets/{id}/upload`.
"""

import contextlib
import os
import re
import secrets
import time
from pathlib import Path

from unitscale.models.document import made_at
from unitscale.wire.files import linked
from unitscale.wire.shelves import Shelf

ABANDONED_SECONDS = 86_400.0
ID = "ds_[0-9a-z]{20}"


class Uploads:
    """Folders by data set. The file system counts who has a content: one that only `files` still names is removed."""

    def __init__(self, data_folder: Path, shelf: Shelf) -> None:
        self._shelf = shelf
        self._root = data_folder / "datasets"
        self._files = self._root / "files"
        self._incoming = self._root / "incoming"

    def bring(self, dataset_id: str) -> Path:
        """The folder that is this data set's own, on this machine, with its upload. Raises FilesAway."""
        return self._shelf.bring(f"datasets/{dataset_id}")

    def bring_prepared(self, dataset_id: str, prepared: str) -> Path:
        """The same folder with what its check prepared. Raises FilesAway."""
        return self._shelf.bring(f"datasets/{dataset_id}/{prepared}").parent

    def keep_prepared(self, dataset_id: str, folder: Path, prepared: str) -> None:
        """Have what a check prepared in `folder` on the shelf. Raises FilesAway."""
        self._shelf.keep(folder / prepared, f"datasets/{dataset_id}/{prepared}")

    def part(self) -> Path:
        """A file for an upload on its way in. What others abandoned there is swept away."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        self._files.mkdir(exist_ok=True)
        for left in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                    left.unlink()
        return self._incoming / secrets.token_hex(16)

    def keep(self, part: Path, dataset_id: str, sha256: str) -> None:
        """Give a whole upload to its data set; the same content is stored once. Raises FilesAway."""
        if self._shelf.elsewhere:
            self._shelf.keep(part, f"datasets/{dataset_id}/upload")
            return
        folder = self._root / dataset_id
        folder.mkdir()
        own, known = folder / "upload", self._files / sha256
        if not linked(known, own):  # a content not seen yet, or a file system without hard links
            part.rename(own)
            linked(own, known)
        _sync(folder)
        _sync(self._root)

    def forget(self, dataset_id: str, sha256: str) -> None:
        """Remove everything a data set has. Another upload of the same content at this moment keeps its own link."""
        self._shelf.forget(f"datasets/{dataset_id}")
        known = self._files / sha256
        with contextlib.suppress(FileNotFoundError):
            if known.stat().st_nlink == 1:
                known.unlink()

    def old(self) -> list[str]:
        """The data sets that have a folder here for more than a day. Raises FilesAway."""
        before = (time.time() - ABANDONED_SECONDS) * 1000
        names = (name for name in self._shelf.below("datasets") if re.fullmatch(ID, name))
        return [name for name in names if made_at(name) < before]

    def sweep(self, dataset_id: str) -> bool:
        """Remove an upload that no record knows. One that was checked had a record once, and stays."""
        if any(name != "upload" for name in self._shelf.below(f"datasets/{dataset_id}")):
            return False
        self._shelf.forget(f"datasets/{dataset_id}")
        for known in self._files.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if known.stat().st_nlink == 1:
                    known.unlink()
        return True


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
