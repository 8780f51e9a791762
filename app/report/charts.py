"""Curves and dots as inline SVG, in the colours of the page's style."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from app.report.markup import Markup, element, together

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 14, 46
TICKS = 5
LOGARITHMIC_FROM = 30.0
"""Values that differ by more than this factor are drawn on a logarithmic axis."""
LARGEST = 1e300
"""What lies further from 0 is not drawn: differences would leave the range of numbers."""
SMALLEST = 1e-300
"""Values that differ by less are drawn as the same."""
Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """Points that belong together."""

    name: str
    points: Sequence[Point]
    kind: Literal["line", "steps", "dots", "hollow"] = "line"
    colour: int = 0
    """A number of the style's palette."""


@dataclass(frozen=True)
class Axis:
    """From values to pixels."""

    low: float
    high: float
    logarithmic: bool
    first: float
    last: float
    """Pixels of low and high."""

    def __call__(self, value: float) -> float:
        scale = math.log if self.logarithmic else float
        share = (scale(value) - scale(self.low)) / ((scale(self.high) - scale(self.low)) or 1.0)
        return self.first + share * (self.last - self.first)

    def ticks(self) -> list[float]:
        """Round values along it."""
        return _powers(self.low, self.high) if self.logarithmic else _steps(self.low, self.high)


def chart(series: Sequence[Series], x_title: str, y_title: str, whole_x: bool = False) -> Markup:
    """The series that have points to draw, on common axes, with a legend; nothing where none has."""
    shown = [cut for each in series if (cut := _drawable(each)).points]
    points = [point for each in shown for point in each.points]
    if not points:
        return Markup("")
    x = _axis([x for x, _ in points], LEFT, WIDTH - RIGHT, may_be_logarithmic=not whole_x)
    y = _axis([y for _, y in points], HEIGHT - BOTTOM, TOP, may_be_logarithmic=True)
    drawn = together(*_grid(x, y, whole_x), *(_drawn(each, x, y) for each in shown), *_titles(x_title, y_title))
    label = f"{y_title} against {x_title}"
    picture = element("svg", drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label)
    return element("figure", picture, _legend(shown))


def _drawable(series: Series) -> Series:
    return replace(series, points=[point for point in series.points if all(abs(value) <= LARGEST for value in point)])


def _axis(values: Sequence[float], first: float, last: float, may_be_logarithmic: bool) -> Axis:
    low, high = min(values), max(values)
    logarithmic = may_be_logarithmic and low > 0 and high / low > LOGARITHMIC_FROM
    if not logarithmic and high - low < SMALLEST:
        room = abs(low) / 10 if abs(low) > SMALLEST else 0.1
        low, high = low - room, high + room
    margin = 0.0 if logarithmic else (high - low) * 0.04
    return Axis(low - margin, high + margin, logarithmic, first, last)


def _steps(low: float, high: float) -> list[float]:
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _powers(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    inside = [value for value in every if low <= value <= high]
    tens = [value for value in inside if abs(math.log10(value) - round(math.log10(value))) < 1e-9]
    return tens[:: len(tens) // TICKS + 1] if len(tens) > 2 else inside


def _grid(x: Axis, y: Axis, whole_x: bool) -> Iterator[Markup]:
    for value in y.ticks():
        at = y(value)
        yield element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at, class_="grid")
        yield element("text", _short(value), x=LEFT - 8, y=at + 4, class_="tick", text_anchor="end")
    for value in x.ticks():
        if not whole_x or value == int(value):
            at = x(value)
            yield element("text", _short(value), x=at, y=HEIGHT - BOTTOM + 18, class_="tick", text_anchor="middle")
    yield element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=HEIGHT - BOTTOM, y2=HEIGHT - BOTTOM, class_="axis")


def _short(value: float) -> str:
    """At most six characters or so: 30k, 2.5M, 0.05."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size <= abs(value) < 1000 * size and abs(value) >= 1e4:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def _titles(x_title: str, y_title: str) -> Iterator[Markup]:
    yield element("text", x_title, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, class_="title", text_anchor="middle")
    middle = (TOP + HEIGHT - BOTTOM) / 2
    turned = f"rotate(-90 14 {middle})"
    yield element("text", y_title, x=14, y=middle, class_="title", text_anchor="middle", transform=turned)


def _drawn(series: Series, x: Axis, y: Axis) -> Markup:
    return KINDS[series.kind](series, [(x(a), y(b)) for a, b in series.points])


def _line(series: Series, points: Sequence[Point]) -> Markup:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return element("polyline", points=path, class_=f"line c{series.colour}")


def _stepped(series: Series, points: Sequence[Point]) -> Markup:
    corners = [(x, before) for (x, _), (_, before) in zip(points[1:], points, strict=False)]
    path = [points[0], *(point for corner, after in zip(corners, points[1:], strict=True) for point in (corner, after))]
    return _line(series, path)


def _dots(series: Series, points: Sequence[Point]) -> Markup:
    return together(*(element("circle", cx=x, cy=y, r=4, class_=f"{series.kind} c{series.colour}") for x, y in points))


KINDS: dict[str, Callable[[Series, Sequence[Point]], Markup]] = {
    "line": _line,
    "steps": _stepped,
    "dots": _dots,
    "hollow": _dots,
}


def _legend(series: Sequence[Series]) -> Markup:
    entries = [
        element("span", element("i", class_=f"mark {each.kind} c{each.colour}"), each.name, class_="entry")
        for each in series
    ]
    return element("figcaption", *entries)
