"""Several curves drawn in characters over each other, each in its colour, its lowest point marked by its number."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text

from unitscale.cli.plots import BRAILLE, DOTS, Points, joined, share_of

COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red", "bright_cyan", "bright_magenta")


class Drawn(NamedTuple):
    """A curve, and the point of it that is marked."""

    points: Points
    mark: tuple[float, float] | None


def overlay(curves: Sequence[Drawn], width: int, height: int) -> list[Text]:
    """Lines with the y axis written at its ends, and below them the ends of the x axis; nothing where there is none.

    The y axis ends with the curve that ends lowest: of the others, the valley is what is to be seen.
    """
    curves = [curve for curve in curves if len(curve.points) > 1]
    if not curves:
        return []
    points = [point for curve in curves for point in (*curve.points, *([curve.mark] if curve.mark else []))]
    (left, right), (low, _) = ((min(of), max(of)) for of in zip(*points, strict=True))
    lowest_end = min(max(y for _, y in curve.points) for curve in curves)
    high = max([lowest_end, *(curve.mark[1] for curve in curves if curve.mark)])
    labels = [f"{high:.4g}", *[""] * (height - 2), f"{low:.4g}"]
    margin = max(map(len, labels))
    canvas = _Canvas((left, right), (low, high), width - margin - 2, height)
    for number, curve in enumerate(curves):
        canvas.draw(number, curve.points)
    for number, curve in enumerate(curves):
        canvas.mark(number, curve.mark)
    rows = [Text(f"{label:>{margin}} ┤").append_text(row) for label, row in zip(labels, canvas.rows(), strict=True)]
    first, last = f"{left:.4g}", f"{right:.4g}"
    return [*rows, Text(f"{'':{margin}}  {first}{last:>{max(1, width - margin - 2 - len(first))}}")]


class _Canvas:
    """Cells of two by four dots."""

    def __init__(self, xs: tuple[float, float], ys: tuple[float, float], width: int, height: int) -> None:
        self._xs, self._ys, self._width, self._height = xs, ys, width, height
        self._cells: dict[tuple[int, int], tuple[str, int]] = {}

    def draw(self, number: int, points: Points) -> None:
        for column, row in joined([self._dot(*point) for point in points]):
            if row < 0:
                continue
            at = row // 4, column // 2
            drawn = ord(self._cells[at][0]) if at in self._cells else BRAILLE
            self._cells[at] = chr(drawn | DOTS[column % 2][row % 4]), number

    def mark(self, number: int, point: tuple[float, float] | None) -> None:
        if point is not None:
            column, row = self._dot(*point)
            self._cells[round(row) // 4, round(column) // 2] = str(number + 1), number

    def rows(self) -> list[Text]:
        return [self._row(row) for row in range(self._height)]

    def _row(self, row: int) -> Text:
        text = Text()
        for column in range(self._width):
            character, number = self._cells.get((row, column), (" ", 0))
            marked = character.isdigit()
            text.append(character, f"{'bold ' if marked else ''}{COLOURS[number % len(COLOURS)]}")
        text.rstrip()
        return text

    def _dot(self, x: float, y: float) -> tuple[float, float]:
        across = share_of(x, *self._xs) * (2 * self._width - 1)
        return across, (1 - share_of(y, *self._ys)) * (4 * self._height - 1)
