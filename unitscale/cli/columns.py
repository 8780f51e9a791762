"""Tables that fit a terminal: columns in the order in which they matter, and the names of those without room."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from unitscale.cli import wording

GAP = 2


@dataclass(frozen=True)
class Column:
    """A value of each row, under a title; `path` is its full name."""

    path: str
    title: str
    cells: Sequence[Text]
    least: int | None = None
    """Characters to which its cells may be wrapped where room is short."""
    right: bool = False
    """Whether it is set flush right, as numbers are."""

    @property
    def says_something(self) -> bool:
        """Whether one of its rows holds a value."""
        return any(cell.plain not in ("", wording.number(None)) for cell in self.cells)

    @property
    def width(self) -> int:
        """Characters that it takes at least."""
        widest = max([len(self.title), *(cell.cell_len for cell in self.cells)])
        return GAP + (widest if self.least is None else min(widest, self.least))


@dataclass(frozen=True)
class Fitted:
    """The table of these columns that there is room for."""

    columns: Sequence[Column]
    """As they stand, from left to right."""
    wanted: Sequence[Column]
    """The same, what matters most first."""
    elsewhere: str
    """What shows the others, in words."""
    styles: Sequence[str] = ()
    """Of the rows."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        said = [column for column in self.wanted if column.says_something]
        kept = fitting(said or self.wanted, options.max_width)
        shown = [column for column in self.columns if column.path in kept]
        table = bare_table()
        for column in shown:
            side = "right" if column.right else "left"
            table.add_column(column.title, justify=side, no_wrap=column.least is None, overflow="fold")
        for place, cells in enumerate(zip(*(column.cells for column in shown), strict=True)):
            table.add_row(*cells, style=self.styles[place] if self.styles else None)
        yield table
        if missing := [column.path for column in said if column.path not in kept]:
            yield no_room(missing, self.elsewhere)


def fitting(wanted: Iterable[Column], width: int) -> set[str]:
    """The paths of the columns for which there is room, those that are wanted most first."""
    kept, left = set[str](), width + GAP
    for column in wanted:
        if column.path not in kept and (column.width <= left or not kept):
            kept.add(column.path)
            left -= column.width
    return kept


def told(title: str, values: Iterable[object], least: int | None = None, right: bool = False) -> Column:
    """A column that is titled by its path; numbers as people read them."""
    cells = [value if isinstance(value, Text) else Text(wording.number(value)) for value in values]
    return Column(title, title, cells, least, right)


class Hyphenated:
    """Words that are wrapped at spaces and hyphens, never within a word."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = wrap(self._words, options.max_width, break_long_words=False)
        yield Text("\n".join(lines))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        longest = max(map(len, wrap(self._words, 1, break_long_words=False)), default=0)
        return Measurement(longest, len(self._words))


def no_room(missing: Iterable[str], elsewhere: str) -> Text:
    """What a table does not show, and what does."""
    return Text(f"No room here for {', '.join(missing)}; {elsewhere}.", style="dim")


def bare_table(*titles: str) -> Table:
    """A table without lines."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    for title in titles:
        table.add_column(title, no_wrap=title not in ("", "name"), overflow="fold")
    return table


def shortened(paths: Iterable[str]) -> dict[str, str]:
    """The fewest last parts of each path that no other one ends with."""
    known = list(paths)
    return {path: next((end for end in _ends(path) if sum(map(_ending(end), known)) == 1), path) for path in known}


def _ends(path: str) -> Iterator[str]:
    parts = path.split(".")
    return (".".join(parts[-count:]) for count in range(1, len(parts) + 1))


def _ending(end: str) -> Callable[[str], bool]:
    return lambda path: path == end or path.endswith(f".{end}")
