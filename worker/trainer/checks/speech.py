"""Checks recordings in .zip files: `manifest.csv` with the columns `file` and `text`, and the WAV files that it names.

Nothing is unpacked to disk. Recordings are read twice: for their rates and lengths, then for what is heard in them.
"""

import io
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from unitscale.errors import BadDataset
from unitscale.models.datasets import Contents
from worker.trainer.checks.archives import archive, unpacked
from worker.trainer.checks.bounds import FEWEST, MOST_BYTES, few
from worker.trainer.checks.rows import rows_of
from worker.trainer.checks.splits import Arrays, divided
from worker.trainer.checks.tokens import MOST_CHARACTERS
from worker.trainer.data.mels import BANDS, FRAMES_A_SECOND, log_mels
from worker.trainer.data.recordings import MOST_FRAMES, fits, laid, spelled
from worker.trainer.data.waves import Sound, Unheard, samples, sound

MANIFEST = "manifest.csv"
MOST_RECORDINGS = 200_000
MOST_MANIFEST_BYTES = 64 * 2**20
MOST_FILE_BYTES = 128 * 2**20
BEST_RATE = 16_000
"""Samples a second that speech needs no more of."""


class Said(NamedTuple):
    """One row of the manifest."""

    row: str
    """As a reader of the manifest finds it: number and line."""
    member: zipfile.ZipInfo
    text: str


class Heard(NamedTuple):
    """What a check of recordings leaves."""

    arrays: Arrays
    alphabet: np.ndarray
    """Code points."""
    rate: int


def check_speech(file: Path) -> tuple[Heard, Contents]:
    """Features (N, F, M + 1) and letters (N, L), in their final order. Raises BadDataset, naming the row."""
    with archive(file) as (opened, members):
        rows = list(_rows(opened, members))
        alphabet = _alphabet(rows)
        sounds = [_sound(opened, said) for said in rows]
        rate = min(BEST_RATE, *(found.rate for found in sounds))
        inputs = _features(opened, rows, sounds, rate)
    arrays, splits = divided(inputs, spelled([said.text for said in rows], alphabet))
    seconds = round(sum(found.seconds for found in sounds), 3)
    codes = np.array([ord(letter) for letter in alphabet], np.int32)
    return Heard(arrays, codes, rate), Contents(rows=len(rows), splits=splits, rate=rate, seconds=seconds)


def _rows(opened: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo]) -> Iterator[Said]:
    """The rows, each with its file. Folders around the manifest do not count: files are named as seen from it."""
    manifest = _manifest(members)
    around = PurePosixPath(manifest.filename).parent
    named = {PurePosixPath(member.filename): member for member in members}
    taken = dict[str, str]()
    for row, name, said in _cells(opened, manifest):
        if len(taken) == MOST_RECORDINGS:
            raise BadDataset(f"It names more than {MOST_RECORDINGS:,} recordings.")
        member = named.get(around / name.replace("\\", "/")) if name else None
        if member is None:
            raise BadDataset(f"{row}: there is no file '{name[:200]}' beside the manifest.")
        found = Said(row, member, _text(row, said))
        if (before := taken.setdefault(member.filename, row)) != row:
            raise BadDataset(f"{row}: '{member.filename[:200]}' is the file of {before}, too; a file is named once.")
        yield found
    if len(taken) < FEWEST:
        raise BadDataset(f"It names {len(taken)} recordings; at least {FEWEST} are needed.")


def _manifest(members: Sequence[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    split = [(member, PurePosixPath(member.filename).parts) for member in members]
    found = [member for member, parts in split if parts[-1] == MANIFEST and "__MACOSX" not in parts]
    if not found:
        held = few(sorted(member.filename[:200] for member in members)) or "nothing"
        raise BadDataset(f"There is no {MANIFEST} in it, which says what each recording says; it holds: {held}.")
    if len(found) > 1:
        raise BadDataset(f"There are {len(found)} files {MANIFEST} in it; one is read.")
    if found[0].file_size > MOST_MANIFEST_BYTES:
        raise BadDataset(f"{MANIFEST} has {found[0].file_size:,} bytes; {MOST_MANIFEST_BYTES:,} are the most.")
    return found[0]


def _cells(opened: zipfile.ZipFile, manifest: zipfile.ZipInfo) -> Iterator[tuple[str, str, str]]:
    """Each row's place, file and text. Other columns are not looked at."""
    rows = rows_of(io.StringIO(_listed(opened, manifest), newline=""))
    columns = [name.strip() for header in islice(rows, 1) for name in header.cells]
    if missing := [name for name in ("file", "text") if columns.count(name) != 1]:
        raise BadDataset(f"{MANIFEST} needs one column '{missing[0]}'; its columns are: {few(columns) or 'none'}.")
    for row in rows:
        if len(row.cells) != len(columns):
            raise BadDataset(f"{row.where} has {len(row.cells)} cells; the header has {len(columns)}.")
        yield row.where, row.cells[columns.index("file")].strip(), row.cells[columns.index("text")]


def _listed(opened: zipfile.ZipFile, manifest: zipfile.ZipInfo) -> str:
    data = _read(opened, manifest, MANIFEST)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = error.object[: error.start].count(b"\n") + 1, error.object[error.start]
        raise BadDataset(f"Line {line} of {MANIFEST} is not UTF-8: byte {byte:#04x} cannot be read.") from error


def _text(row: str, said: str) -> str:
    """Composed characters (NFC), single spaces."""
    text = " ".join(said.split())  # not composed before its length is known: marks take quadratic time
    if not text:
        raise BadDataset(f"{row}: the text is empty.")
    if len(text) > MOST_FRAMES:
        raise BadDataset(f"{row}: the text has {len(text):,} letters, more than any recording can hold.")
    return unicodedata.normalize("NFC", text)


def _alphabet(rows: Sequence[Said]) -> list[str]:
    alphabet = sorted({letter for said in rows for letter in said.text})
    if len(alphabet) > MOST_CHARACTERS:
        raise BadDataset(f"It has {len(alphabet):,} different characters; {MOST_CHARACTERS:,} can be told apart.")
    return alphabet


def _sound(opened: zipfile.ZipFile, said: Said) -> Sound:
    try:
        found = sound(_recording(opened, said))
    except Unheard as fault:
        raise BadDataset(f"{said.row}: '{said.member.filename[:200]}' {fault}.") from fault
    if not fits(said.text, round(found.seconds * FRAMES_A_SECOND)):
        many = f"'{said.text[:60]}' has {len(said.text)} letters"
        raise BadDataset(f"{said.row}: {many}, too many to be said in {found.seconds:.2f} s.")
    return found


def _features(opened: zipfile.ZipFile, rows: Sequence[Said], sounds: Sequence[Sound], rate: int) -> np.ndarray:
    """(N, F, M + 1), F being the longest's."""
    longest = max(found.seconds for found in sounds)
    frames = min(MOST_FRAMES, round(longest * FRAMES_A_SECOND) + 1)
    if (size := len(rows) * frames * (BANDS + 1) * 2) > MOST_BYTES:
        many = f"{len(rows):,} recordings, the longest of {longest:.1f} s,"
        raise BadDataset(f"{many} need {size:,} bytes of features; {MOST_BYTES:,} are the most. Cut the longest.")
    inputs = np.empty((len(rows), frames, BANDS + 1), np.float16)
    for place, said in enumerate(rows):
        try:
            heard = samples(_recording(opened, said), rate)
        except Unheard as fault:
            raise BadDataset(f"{said.row}: '{said.member.filename[:200]}' {fault}.") from fault
        inputs[place] = laid(log_mels(heard, rate)[:frames], frames)
    return inputs


def _recording(opened: zipfile.ZipFile, said: Said) -> io.BytesIO:
    name = f"{said.row}: '{said.member.filename[:200]}'"
    if said.member.file_size > MOST_FILE_BYTES:
        raise BadDataset(f"{name} has {said.member.file_size:,} bytes; {MOST_FILE_BYTES:,} are the most.")
    return io.BytesIO(_read(opened, said.member, name))


def _read(opened: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> bytes:
    try:
        return unpacked(opened, member).read()
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise BadDataset(f"{name} cannot be unpacked: {error}") from error
