"""Files that arrive whole or not at all."""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class Download:
    """A file being received, and where it will lie."""

    def __init__(self, path: Path, part: BinaryIO) -> None:
        self.path = path
        self._part = part

    def write(self, chunk: bytes) -> None:
        self._part.write(chunk)


@contextmanager
def whole_file(to: Path, name: str) -> Generator[Download]:
    """Opens a file beside its destination, and moves it there once everything is written."""
    path = to / Path(name).name if to.is_dir() else to
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield Download(path, file)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
