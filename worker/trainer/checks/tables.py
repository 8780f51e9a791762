"""Checks tables of numbers, and reads CSV with a header.  R rows, F features."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from unitscale.errors import BadDataset
from unitscale.models.datasets import Contents
from worker.trainer.checks.bounds import FEWEST, MOST_BYTES, check_name, few
from worker.trainer.checks.rows import Row, rows_of
from worker.trainer.checks.splits import Arrays, divided

CHUNK_CHARACTERS = 2**18
MOST_COLUMNS = 100_000
LARGEST = 1e38
"""What lies between two numbers is one of 32 bits, too."""
UNFIT = f"no finite number within ±{LARGEST:g}"


def check_table(file: Path, target: str | None) -> tuple[Arrays, Contents]:
    """The rows as numbers (R, F) and (R, 1), in their final order. Raises BadDataset, naming the row."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = rows_of(lines)
        columns = _header(next(rows, None))
        wanted = position(columns, target)
        table = _numbers(rows, columns)
    return learnable(table, columns, wanted)


def learnable(table: np.ndarray, columns: list[str], wanted: int) -> tuple[Arrays, Contents]:
    """Numbers (R, F + 1) divided into features and target, in their final order. Raises BadDataset."""
    targets = table[:, wanted : wanted + 1]
    if (targets == targets[0]).all():
        raise BadDataset(f"Column '{columns[wanted]}' is {targets[0, 0]:g} in every row: there is nothing to learn.")
    arrays, splits = divided(np.delete(table, wanted, 1), targets)
    features = tuple(name for place, name in enumerate(columns) if place != wanted)
    contents = Contents(
        rows=len(table), splits=splits, shape=(len(features),), columns=features, target=columns[wanted]
    )
    return arrays, contents


def _header(first: Row | None) -> list[str]:
    if first is None:
        raise BadDataset("The file is empty.")
    columns = [name.strip() for name in first.cells]
    if all(_number(cell) is not None for cell in columns):
        raise BadDataset(f"{first.where} holds numbers; it must name the columns.")
    check_names(columns)
    return columns


def check_names(columns: list[str]) -> None:
    """Raises BadDataset for columns that cannot be told apart, and for one alone."""
    if len(columns) > MOST_COLUMNS:
        raise BadDataset(f"It has {len(columns):,} columns; {MOST_COLUMNS:,} are the most.")
    for name in columns:
        check_name("column", name)
    counts = Counter(columns)
    twice = next((name for name in columns if counts[name] > 1), None)
    if twice is not None:
        raise BadDataset(f"The header names column '{twice}' twice.")
    if len(columns) < 2:
        hint = next((f" Cells are divided by commas, not '{mark}'." for mark in ";\t|" if mark in columns[0]), "")
        raise BadDataset(f"There must be a feature and a target, and there is one column.{hint}")


def position(columns: list[str], target: str | None) -> int:
    """Where the target stands. Raises BadDataset."""
    if target is None:
        return len(columns) - 1
    if target in columns:
        return columns.index(target)
    if target.strip() not in columns:
        raise BadDataset(f"There is no target column '{target}'; the columns are: {few(columns)}.")
    return columns.index(target.strip())


def _numbers(rows: Iterator[Row], columns: list[str]) -> np.ndarray:
    """All cells as float32 (R, F + 1)."""
    parts: list[np.ndarray] = []
    count = 0
    for chunk in _chunks(rows, len(columns)):
        parts.append(_part(chunk, columns))
        count += len(chunk)
        if count * len(columns) * 4 > MOST_BYTES:
            raise BadDataset(f"Its numbers need more than {MOST_BYTES:,} bytes; row {count:,} is beyond that.")
    check_count(count)
    return np.concatenate(parts)


def check_count(rows: int) -> None:
    """Raises BadDataset for fewer rows than can be divided."""
    if rows < FEWEST:
        raise BadDataset(f"It has {rows} rows below its header; at least {FEWEST} are needed.")


def _chunks(rows: Iterator[Row], width: int) -> Iterator[list[Row]]:
    """Rows of so many cells, in pieces of `CHUNK_CHARACTERS`: every cell takes one at least, the mark behind it."""
    chunk, held = list[Row](), 0
    for row in rows:
        if len(row.cells) != width:
            raise BadDataset(f"{row.where} has {len(row.cells)} cells; the header has {width}.")
        chunk.append(row)
        held += row.characters
        if held >= CHUNK_CHARACTERS:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _part(chunk: list[Row], columns: list[str]) -> np.ndarray:
    numbers = _as_numbers([row.cells for row in chunk])
    if numbers is None or not (np.abs(numbers) <= LARGEST).all():
        _blame(chunk, columns)
    return np.asarray(numbers, np.float32)


def _as_numbers(cells: Sequence[str | list[str]]) -> np.ndarray | None:
    """None where a cell is no number. (Python would read 2_0 as 20.)"""
    try:
        return None if any("_" in "".join(row) for row in cells) else np.array(cells, np.float64)
    except ValueError:
        return None


def _blame(chunk: list[Row], columns: list[str]) -> None:
    """Name the first cell that is no number."""
    for row in chunk:
        for name, cell in zip(columns, row.cells, strict=True):
            if _number(cell) is None:
                what = f"'{cell[:60]}'" if cell.strip() else "empty"
                raise BadDataset(f"{row.where}, column '{name}': {what} is {UNFIT}.")
    raise BadDataset(f"Below {chunk[0].where} stands what is no number.")


def _number(cell: str) -> float | None:
    """The cell as a number within bounds."""
    read = _as_numbers([cell])
    return float(read[0]) if read is not None and abs(read[0]) <= LARGEST else None
