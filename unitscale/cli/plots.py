"""Curves drawn in characters."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
BRAILLE = 0x2800
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""A braille character is two columns of four dots, top to bottom."""
LOGARITHMIC_FROM = 30.0
"""Losses that shrink by more than this are drawn on a logarithmic axis."""

Points = Sequence[tuple[float, float]]


def sparkline(values: Sequence[float | None], width: int = 24) -> str:
    """One line of blocks, each the mean of its share of the values; the scale follows the smallest and largest."""
    finite = [value for value in values if value is not None]
    if not finite:
        return ""
    width = min(width, len(finite))
    edges = [len(finite) * index // width for index in range(width + 1)]
    means = [math.fsum(finite[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
    low, high = min(means), max(means)
    return "".join(BLOCKS[round((mean - low) / (high - low or 1) * (len(BLOCKS) - 1))] for mean in means)


def sparklines(rows: Sequence[Sequence[float | None]], width: int = 24) -> list[str]:
    """Lines of blocks on one scale, over one grid: blank where a row has nothing, logarithmic where that tells more.

    The scale ends at the median of the rows' highest values: a run that went astray flattens no other.
    """
    means = [_means(row, min(width, len(row))) for row in rows]
    known = [[mean for mean in row if mean is not None] for row in means]
    tops, bottoms = sorted(max(row) for row in known if row), [min(row) for row in known if row]
    if not tops:
        return [" " * len(row) for row in means]
    low, high = min(bottoms), max(tops[len(tops) // 2], min(bottoms))
    scale = math.log if logarithmic([(0, low), (1, high)]) else float
    return ["".join(_blocks(row, scale, scale(low), scale(high))) for row in means]


def plot(points: Points, width: int = 60, height: int = 8) -> list[str]:
    """Lines of braille with the y axis written at its ends; fewer than two points draw nothing."""
    if len(points) < 2:
        return []
    scale = math.log if logarithmic(points) else float
    rows = _canvas([(x, scale(y)) for x, y in points], width, height)
    low, high = min(y for _, y in points), max(y for _, y in points)
    labels = [f"{high:.4g}", *[""] * (height - 2), f"{low:.4g}"]
    margin = max(map(len, labels))
    lines = [f"{label:>{margin}} ┤{row}" for label, row in zip(labels, rows, strict=True)]
    first, last = f"{points[0][0]:.0f}", f"{points[-1][0]:.0f}"
    return [*lines, f"{'':>{margin}}  {first}{last:>{max(1, width - len(first))}}"]


def logarithmic(points: Points) -> bool:
    """Whether the values shrink by so much that only their logarithms can be told apart."""
    values = [y for _, y in points]
    return min(values) > 0 and max(values) / min(values) > LOGARITHMIC_FROM


def _means(values: Sequence[float | None], width: int) -> list[float | None]:
    """The mean of each share of the values; None where it holds nothing."""
    edges = [len(values) * place // max(width, 1) for place in range(width + 1)]
    parts = ([value for value in values[a:b] if value is not None] for a, b in itertools.pairwise(edges))
    return [math.fsum(part) / len(part) if part else None for part in parts]


def _blocks(row: Iterable[float | None], scale: Callable[[float], float], low: float, high: float) -> Iterator[str]:
    for value in row:
        share = None if value is None else min(1.0, share_of(scale(value), low, high))
        yield " " if share is None else BLOCKS[round(share * (len(BLOCKS) - 1))]


def _canvas(points: Points, width: int, height: int) -> list[str]:
    cells = [[BRAILLE] * width for _ in range(height)]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    columns, rows = 2 * width - 1, 4 * height - 1
    dots = [(share_of(x, min(xs), max(xs)) * columns, (1 - share_of(y, min(ys), max(ys))) * rows) for x, y in points]
    for column, row in joined(dots):
        cells[row // 4][column // 2] |= DOTS[column % 2][row % 4]
    return ["".join(map(chr, line)) for line in cells]


def joined(dots: Points) -> Iterator[tuple[int, int]]:
    """Every dot on the straight lines from one to the next."""
    for (x, y), (to_x, to_y) in itertools.pairwise(dots):
        pieces = max(1, math.ceil(max(abs(to_x - x), abs(to_y - y))))
        for piece in range(pieces + 1):
            yield round(x + (to_x - x) * piece / pieces), round(y + (to_y - y) * piece / pieces)


def share_of(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5
