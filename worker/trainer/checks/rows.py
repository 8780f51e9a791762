"""Rows of CSV, read one by one: neither a line nor a row without an end fills the memory."""

import csv
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from unitscale.errors import BadDataset

LONGEST_ROW = 2**24
"""Characters."""


class Row(NamedTuple):
    """A row that is not blank."""

    number: int
    """0 is the header."""
    line: int
    """Of the file, where it begins."""
    cells: list[str]
    characters: int
    """That it takes in the file."""

    @property
    def where(self) -> str:
        """As a reader of the file finds it."""
        return f"{f'Row {self.number}' if self.number else 'The header'} (line {self.line})"


def rows_of(file: TextIO) -> Iterator[Row]:
    """The header, then the rows. Raises BadDataset, naming row and line, for what is no CSV."""
    lines = _Lines(file)
    try:
        for cells in csv.reader(lines, strict=True):
            if cells:
                yield lines.row(cells)
            lines.end_row(blank=not cells)
    except csv.Error as error:
        raise BadDataset(f"{lines.row([]).where} is no CSV: {error}.") from error


class _Lines(Iterator[str]):
    """The lines of a file, and the place of the row that they are read for."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._read, self._characters = 0, 0
        self._number, self._begun = 0, 1

    def row(self, cells: list[str]) -> Row:
        return Row(self._number, self._begun, cells, self._characters)

    def end_row(self, *, blank: bool) -> None:
        self._number += not blank
        self._begun, self._characters = self._read + 1, 0

    def __next__(self) -> str:
        if not (line := self._line()):
            raise StopIteration
        self._read += 1
        self._characters += len(line)
        if self._characters >= LONGEST_ROW:
            raise BadDataset(f"{self.row([]).where} is longer than {LONGEST_ROW:,} characters.")
        return line

    def _line(self) -> str:
        try:
            return self._file.readline(LONGEST_ROW)
        except UnicodeDecodeError as error:  # what was decoded before has no end of a line: else it were read by now
            number = self._read + len(error.object[: error.start + 1].splitlines())
            byte = f"byte {error.object[error.start]:#04x} cannot be read"
            raise BadDataset(f"Line {number} is not UTF-8: {byte}.") from error
