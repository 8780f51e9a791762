"""Opens zip archives, which are never unpacked to disk: members are read one by one, and only what is within bounds."""

import errno
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unitscale.errors import BadDataset
from worker.trainer.checks.bounds import MOST_BYTES

MOST_FILES = 2_000_000
MOST_RATIO = 200
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
HARMLESS_BYTES = 64 * 2**20
"""What is smaller once unpacked may be packed as tightly as it likes."""


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


def _check(members: list[zipfile.ZipInfo], packed: int, most_bytes: int, most_ratio: int) -> None:
    total = sum(member.file_size for member in members)
    if len(members) > MOST_FILES:
        raise BadDataset(f"It holds {len(members):,} files; {MOST_FILES:,} are the most.")
    for member in members:
        _check_name(member)
    if total > most_bytes:
        raise BadDataset(f"Unpacked it has {total:,} bytes; {most_bytes:,} are the most.")
    if total > HARMLESS_BYTES and total > most_ratio * packed:
        raise BadDataset(f"It unpacks to {total:,} bytes, {total // max(1, packed)} times its size: a zip bomb.")


def _check_name(member: zipfile.ZipInfo) -> None:
    name = member.orig_filename
    if re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name) or "\0" in name:
        raise BadDataset(f"{name[:200]!r} escapes the archive's folder.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise BadDataset(f"{name[:200]!r} is a link; only plain files are read.")
