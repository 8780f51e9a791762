"""Checks text: UTF-8 as .txt, or documents as .jsonl of `{"text": …}`. Memory stays flat, whatever the size.

What is prepared are the text's characters as places in its own alphabet, in a file that a trainer maps into memory.
"""

import codecs
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from unitscale.errors import BadDataset
from unitscale.models.datasets import Contents, Splits
from worker.trainer.checks.tokens import Alphabet, write_tokens

CHUNK_BYTES = 2**20
LONGEST_LINE_BYTES = 64 * 2**20
FEWEST_CHARACTERS = 100
EXAM, LONGEST_EXAM = 0.1, 200_000
"""Share of the characters in each of validation and test, and the most there are: the last parts of the text."""


def check_text(file: Path, to: Path) -> Contents:
    """Prepares a text, without its byte order mark. Raises BadDataset, naming the line."""
    alphabet, _ = _prepared(lambda: _decoded(file), to)
    return _contents(alphabet, max(1, alphabet.lines))


def check_documents(file: Path, to: Path) -> Contents:
    """Prepares documents as one text, an empty line behind each. Raises BadDataset, naming the line."""
    alphabet, documents = _prepared(lambda: _documents(file), to)
    return _contents(alphabet, documents)


def _prepared(pieces: Callable[[], Iterator[str]], to: Path) -> tuple[Alphabet, int]:
    """The file is read twice: for its alphabet, then for its text."""
    alphabet, count = Alphabet(), 0
    for piece in pieces():
        alphabet.take(piece)
        count += 1
    if alphabet.blank:
        raise BadDataset("The file is empty.")
    if alphabet.length < FEWEST_CHARACTERS:
        raise BadDataset(f"It has {alphabet.length} characters; at least {FEWEST_CHARACTERS} are needed.")
    write_tokens(alphabet, pieces(), to)
    return alphabet, count


def _contents(alphabet: Alphabet, rows: int) -> Contents:
    held_out = min(round(alphabet.length * EXAM), LONGEST_EXAM)
    splits = Splits(training=alphabet.length - 2 * held_out, validation=held_out, test=held_out)
    return Contents(rows=rows, splits=splits, characters=alphabet.length)


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
