"""Checks text: UTF-8 as .txt, or documents as .jsonl of `{"text": …}`. Memory stays flat, whatever the size."""

import codecs
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from unitscale.errors import BadDataset
from unitscale.models.datasets import Contents, Splits

CHUNK_BYTES = 2**20
LONGEST_LINE_BYTES = 64 * 2**20
FEWEST_CHARACTERS = 100
EXAM = 0.05
"""Share of the characters in each of validation and test: the last parts of the text."""


def check_text(file: Path, to: Path) -> Contents:
    """Copies the text to `to`, without a byte order mark. Raises BadDataset, naming the line."""
    return _written(_decoded(file), to)


def check_documents(file: Path, to: Path) -> Contents:
    """Writes the documents to `to`, an empty line between them. Raises BadDataset, naming the line."""
    return _written(_documents(file), to, documents=True)


def _written(pieces: Iterable[str], to: Path, *, documents: bool = False) -> Contents:
    characters = lines = count = 0
    blank = True
    with to.open("x", encoding="utf-8", newline="") as text:
        for piece in pieces:
            text.write(piece)
            count, characters, lines = count + 1, characters + len(piece), lines + piece.count("\n")
            blank = blank and not piece.strip()
    if blank:
        raise BadDataset("The file is empty.")
    if characters < FEWEST_CHARACTERS:
        raise BadDataset(f"It has {characters} characters; at least {FEWEST_CHARACTERS} are needed.")
    exam = round(characters * EXAM)
    splits = Splits(training=characters - 2 * exam, validation=exam, test=exam)
    return Contents(rows=count if documents else max(1, lines), splits=splits, characters=characters)


def _decoded(file: Path) -> Iterator[str]:
    decoder, line = codecs.getincrementaldecoder("utf-8-sig")(), 1
    with file.open("rb") as data:
        while True:
            chunk = data.read(CHUNK_BYTES)
            try:
                piece = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                raise BadDataset(f"Line {line} is not UTF-8: byte {error.object[error.start]:#04x}.") from error
            line += piece.count("\n")
            yield piece
            if not chunk:
                return


def _documents(file: Path) -> Iterator[str]:
    with file.open("rb") as data:
        number = 0
        while line := data.readline(LONGEST_LINE_BYTES):
            number += 1
            if len(line) == LONGEST_LINE_BYTES:
                raise BadDataset(f"Line {number} is longer than {LONGEST_LINE_BYTES:,} bytes.")
            if line.strip():
                yield _document(line, number).rstrip("\n") + "\n\n"


def _document(line: bytes, number: int) -> str:
    try:
        document: Any = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadDataset(f"Line {number} is no JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("text"), str) or not document["text"].strip():
        raise BadDataset(f'Line {number} must be {{"text": …}} with some text.')
    return _encodable(document["text"], number)


def _encodable(text: str, number: int) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadDataset(f"Line {number} has half a character: {error.reason}.") from error
    return text
