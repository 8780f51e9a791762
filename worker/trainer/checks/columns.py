"""Checks tables in Parquet files.  R rows, F features.

Columns are read one after the other, piece by piece: what a file promises is compared with the bounds before memory is
taken for it, and of what it holds no more than a page is unpacked beside the numbers themselves.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from unitscale.errors import BadDataset
from unitscale.models.datasets import Contents
from worker.trainer.checks.bounds import MOST_BYTES, check_ratio
from worker.trainer.checks.splits import Arrays
from worker.trainer.checks.tables import LARGEST, MOST_COLUMNS, UNFIT, check_count, check_names, learnable, position

BATCH_ROWS = 2**16
INDEX = re.compile(r"__index_level_\d+__")
"""How pandas calls the names of its rows: no column of the table."""


def check_columns(file: Path, target: str | None, most_bytes: int = MOST_BYTES) -> tuple[Arrays, Contents]:
    """The rows as numbers (R, F) and (R, 1), in their final order. Raises BadDataset, naming column and row."""
    import pyarrow as pa  # noqa: PLC0415  most trainers never see such a file
    from pyarrow import parquet  # noqa: PLC0415

    try:
        with parquet.ParquetFile(file, pre_buffer=False, buffer_size=2**20) as opened:
            columns = _columns(opened)
            wanted = position(columns, target)
            _check_room(opened.metadata.num_rows, len(columns), file.stat().st_size, most_bytes)
            table = _numbers(opened, columns)
    except pa.ArrowException as error:
        raise _unreadable(error) from error
    except OSError as error:
        if error.errno is not None:  # the disk's fault, not the file's
            raise
        raise _unreadable(error) from error
    return learnable(table, columns, wanted)


def _unreadable(error: Exception) -> BadDataset:
    return BadDataset(f"It is no Parquet file that can be read: {str(error).partition(chr(10))[0][:200]}")


def _columns(opened: Any) -> list[str]:
    """The names of the columns, all of them of numbers."""
    if opened.metadata.num_columns > MOST_COLUMNS:
        raise BadDataset(f"It has {opened.metadata.num_columns:,} columns; {MOST_COLUMNS:,} are the most.")
    fields = [field for field in opened.schema_arrow if not INDEX.fullmatch(field.name)]
    if not fields:
        raise BadDataset("It has no columns.")
    for field in fields:
        if not _is_number(field.type):
            raise BadDataset(f"Column '{field.name[:200]}' is of type {str(field.type)[:60]}; columns must be numbers.")
    columns = [field.name for field in fields]
    check_names(columns)
    return columns


def _is_number(kind: Any) -> bool:
    from pyarrow import types  # noqa: PLC0415

    return any(is_one(kind) for is_one in (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean))


def _check_room(rows: int, columns: int, packed: int, most_bytes: int) -> None:
    unpacked = rows * columns * np.dtype(np.float32).itemsize
    if unpacked > most_bytes:
        raise BadDataset(f"Its {rows:,} rows of {columns:,} numbers need more than {most_bytes:,} bytes.")
    check_ratio(unpacked, packed)


def _numbers(opened: Any, columns: list[str]) -> np.ndarray:
    """All cells as float32 (R, F + 1)."""
    rows = opened.metadata.num_rows
    check_count(rows)
    table = np.empty((rows, len(columns)), np.float32)
    for place, name in enumerate(columns):
        _fill(table[:, place], opened, name)
    return table


def _fill(numbers: np.ndarray, opened: Any, name: str) -> None:
    """Write a column's cells to `numbers` (R,)."""
    done = 0
    for batch in opened.iter_batches(BATCH_ROWS, columns=[name], use_threads=False):
        part = _part(batch.column(name), name, done)
        if done + len(part) > len(numbers):
            break
        numbers[done : done + len(part)] = part
        done += len(part)
    if done != len(numbers):
        raise BadDataset(f"Column '{name}' does not have the {len(numbers):,} rows that the file says it has.")


def _part(cells: Any, name: str, before: int) -> np.ndarray:
    """A piece of a column as numbers."""
    if cells.null_count:
        row = before + int(np.argmin(cells.is_valid().to_numpy(zero_copy_only=False))) + 1
        raise BadDataset(f"Row {row}, column '{name}': empty is {UNFIT}.")
    part = cells.cast("float64", safe=False).to_numpy(zero_copy_only=False)
    fits = np.abs(part) <= LARGEST
    if not fits.all():
        place = int(np.argmin(fits))
        raise BadDataset(f"Row {before + place + 1}, column '{name}': {part[place]:g} is {UNFIT}.")
    return part
