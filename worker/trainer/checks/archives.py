"""Opens zip archives, which are never unpacked to disk: members are read one by one, and only what is within bounds."""

import copy
import errno
import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from unitscale.errors import BadDataset
from worker.trainer.checks.bounds import MOST_BYTES, MOST_RATIO, check_ratio

MOST_FILES = 2_000_000
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Python unpacks a piece of any other at once, however much it becomes."""
PIECE_BYTES = 2**16
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


@contextmanager
def archive(
    file: Path, most_bytes: int = MOST_BYTES, most_ratio: int = MOST_RATIO
) -> Iterator[tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]]:
    """The archive and its files. Raises BadDataset for one that is broken, escapes its folder, or is a bomb."""
    try:
        with zipfile.ZipFile(file) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            _check(members, file.stat().st_size, most_bytes, most_ratio)
            yield opened, members
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        if isinstance(error, OSError) and error.errno in FULL:  # no fault of the archive
            raise
        raise BadDataset(f"It is no zip archive that can be read: {error}") from error


def unpacked(opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> BinaryIO:
    """A member's bytes. Reading raises BadDataset where there are more of them than it declares."""
    longer = copy.copy(member)  # its stream hides what is beyond the size that it believes in
    longer.file_size += 2 * PIECE_BYTES
    return io.BufferedReader(_Member(member, opened.open(longer)), PIECE_BYTES)


class _Member(io.RawIOBase):
    """What a member holds, unpacked piece by piece, and no further than one byte beyond what it declares."""

    def __init__(self, member: zipfile.ZipInfo, stream: IO[bytes]) -> None:
        self._member, self._stream = member, stream

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # all that BufferedReader gives
        left = self._member.file_size + 1 - self._stream.tell()
        data = self._stream.read(max(0, min(len(buffer), PIECE_BYTES, left)))  # of fewer than none it would read all
        if len(data) >= left:
            declared = f"the {self._member.file_size:,} bytes that it declares"
            raise BadDataset(f"'{self._member.filename[:200]}' unpacks to more than {declared}.")
        buffer[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        self._stream.close()
        super().close()


def _check(members: list[zipfile.ZipInfo], packed: int, most_bytes: int, most_ratio: int) -> None:
    total = sum(member.file_size for member in members)
    if len(members) > MOST_FILES:
        raise BadDataset(f"It holds {len(members):,} files; {MOST_FILES:,} are the most.")
    for member in members:
        _check_name(member)
        if member.compress_type not in METHODS:
            how = f"is packed by method {member.compress_type}; pack it again with 'deflate', or 'store' it"
            raise BadDataset(f"'{member.filename[:200]}' {how}.")
    if total > most_bytes:
        raise BadDataset(f"Unpacked it has {total:,} bytes; {most_bytes:,} are the most.")
    check_ratio(total, packed, most_ratio)


def _check_name(member: zipfile.ZipInfo) -> None:
    name = member.orig_filename
    if re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name) or "\0" in name:
        raise BadDataset(f"{name[:200]!r} escapes the archive's folder.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise BadDataset(f"{name[:200]!r} is a link; only plain files are read.")
