"""Checks pairs of texts: translations as .jsonl or .tsv, questions with their answers as .jsonl."""

import json
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from unitscale.errors import BadDataset
from unitscale.models.datasets import Contents, Splits
from unitscale.models.specs import TaskName
from worker.trainer.checks.bounds import FEWEST
from worker.trainer.checks.splits import EXAM
from worker.trainer.data.pairs import alike
from worker.trainer.data.rows import packed

PAIRED = (TaskName.TRANSLATION, TaskName.QUESTION_ANSWERING)
MOST_PAIRS = 2_000_000
MOST_BYTES = 2**30
"""Of all their texts."""
LONGEST_TEXT, LONGEST_CONTEXT = 20_000, 100_000
"""Characters."""
LONGEST_LINE_BYTES = 4 * 2**20
MOST_ANSWERS = 100
LARGEST_EXAM = 1000
"""Sources in each of validation and test, at the most."""

Row = tuple[str, ...]
"""A source and its target; or a question, a JSON list of its answers, and a context."""


def check_pairs(file: Path, ending: str, task: TaskName) -> tuple[dict[str, np.ndarray], Contents]:
    """The rows as arrays, in their final order. Raises BadDataset, naming the row by its line."""
    rows, size = list[Row](), 0
    for number, line in _lines(file):
        rows.append(_row(line, number, ending, task))
        size += len(line)
        if len(rows) > MOST_PAIRS or size > MOST_BYTES:
            raise BadDataset(
                f"Line {number:,} is beyond {MOST_PAIRS:,} rows or {MOST_BYTES:,} bytes: they are the most."
            )
        _check_like_first(rows, number)
    return _divided(rows)


def _divided(rows: list[Row]) -> tuple[dict[str, np.ndarray], Contents]:
    """Ordered by a hash of the context, or of a source without one: the same content is always divided alike, equal
    ones stand on one side."""
    context = len(rows[0]) > 2 and bool(rows[0][2]) if rows else False
    hashes = [blake2b(alike(row[2] if context else row[0]).encode()).digest() for row in rows]
    distinct, what = sorted(set(hashes)), "contexts" if context else "sources"
    if len(distinct) < FEWEST:
        raise BadDataset(f"Only {len(distinct)} of its {len(rows)} {what} differ; at least {FEWEST} are needed.")
    held_out = min(round(len(distinct) * EXAM), LARGEST_EXAM)
    first, second = distinct[-2 * held_out], distinct[-held_out]
    order = sorted(range(len(rows)), key=lambda place: (hashes[place], rows[place]))
    training, before = sum(each < first for each in hashes), sum(each < second for each in hashes)
    splits = Splits(training=training, validation=before - training, test=len(rows) - before)
    return packed([rows[place] for place in order]), Contents(rows=len(rows), splits=splits, with_context=context)


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers."""
    number = 0
    with file.open("rb") as data:
        while line := data.readline(LONGEST_LINE_BYTES):
            number += 1
            if len(line) == LONGEST_LINE_BYTES:
                raise BadDataset(f"Line {number} is longer than {LONGEST_LINE_BYTES:,} bytes.")
            if text := _decoded(line, number).strip("\r\n "):
                yield number, text


def _decoded(line: bytes, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise BadDataset(f"Line {number} is not UTF-8: byte {line[error.start]:#04x}.") from error


def _row(line: str, number: int, ending: str, task: TaskName) -> Row:
    if task is TaskName.QUESTION_ANSWERING:
        return _question(_object(line, number), number)
    if ending == ".tsv":
        cells = line.split("\t")
        if len(cells) != 2:
            raise BadDataset(f"Line {number} has {len(cells)} cells; it must have two, a source and a target.")
        found = {"source": cells[0], "target": cells[1]}
    else:
        found = _object(line, number)
    return _text(found, "source", number), _text(found, "target", number)


def _question(found: dict[str, Any], number: int) -> Row:
    listed = found.get("answers")
    if listed is not None and not (isinstance(listed, list) and 0 < len(listed) <= MOST_ANSWERS):
        raise BadDataset(f"Line {number}: 'answers' must be a list of 1 to {MOST_ANSWERS} texts.")
    given = [{"answers": each} for each in listed or []]
    first = [_text(found, "answer", number)] if "answer" in found or not given else []
    answers = list(dict.fromkeys([*first, *(_text(each, "answers", number) for each in given)]))
    context = "" if found.get("context") is None else _text(found, "context", number, LONGEST_CONTEXT)
    if context and not any(answer in context for answer in answers):
        raise BadDataset(f"Line {number}: no answer stands in its 'context', letter by letter.")
    return _text(found, "question", number), json.dumps(answers, ensure_ascii=False), context


def _object(line: str, number: int) -> dict[str, Any]:
    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadDataset(f"Line {number} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadDataset(f"Line {number} must be an object, {{…}}.")
    return found


def _text(found: dict[str, Any], name: str, number: int, longest: int = LONGEST_TEXT) -> str:
    """A text of a row, without blanks at its ends."""
    text = found.get(name)
    if not isinstance(text, str) or not text.strip():
        raise BadDataset(f"Line {number}: '{name}' must be there, a text that is not empty.")
    if len(text) > longest:
        raise BadDataset(f"Line {number}: '{name}' has {len(text):,} characters; {longest:,} are the most.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadDataset(f"Line {number}: '{name}' has half a character: {error.reason}.") from error
    return text.strip()


def _check_like_first(rows: list[Row], number: int) -> None:
    """Either all rows have a context, or none."""
    if len(rows[0]) > 2 and bool(rows[0][2]) != bool(rows[-1][2]):
        which = "has a 'context', unlike" if rows[-1][2] else "has no 'context', unlike"
        raise BadDataset(f"Line {number} {which} the rows before it: all rows have one, or none has.")
