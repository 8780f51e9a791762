"""Files on their way out."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

Progress = Callable[[int, int], None]
"""Told, while a file is sent, how many of its bytes are on their way, and how many there are."""


class Sent:
    """A file being sent: read in pieces, so that memory stays flat, with someone told how far it is."""

    def __init__(self, name: str, file: BinaryIO, size: int, progress: Progress | None) -> None:
        self.name = name
        self._file = file
        self._size = size
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        if self._progress is not None:
            self._progress(self._file.tell(), self._size)
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()


@contextmanager
def open_file(path: Path, progress: Progress | None) -> Generator[Sent]:
    """A file to be sent. Raises OSError when it cannot be read."""
    with path.open("rb") as file:
        yield Sent(path.name, file, path.stat().st_size, progress)
