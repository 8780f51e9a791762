"""A transfer on one page: how far it is, loss against learning rate at each value, and what that says."""

from collections.abc import Iterable, Sequence
from math import log2
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from unitscale.cli import sweep_page, tables, wording
from unitscale.cli.columns import Fitted, bare_table, told
from unitscale.cli.overlays import COLOURS, Drawn, overlay
from unitscale.cli.plots import sparklines

if TYPE_CHECKING:
    from unitscale.client import Client
    from unitscale.models.transfers import AtValue, Parametrized, SeedInterval, Transfer

WIDEST, HEIGHT = 76, 10
ROOM_FOR_PLOTS = 48
"""Lines below which a page that is drawn again and again has a line of blocks for each value instead."""


def page(client: "Client", transfer: "Transfer", lines: int) -> list[RenderableType]:  # noqa: ARG001  as other kinds
    """Its standing, then for each parametrization the losses, drawn and in a table; at last the verdict."""
    parts: list[RenderableType] = [_standing(transfer)]
    for found in transfer.result.parametrizations:
        parts.append(_heading(transfer, found))
        plotted = lines >= ROOM_FOR_PLOTS
        parts += [_Plot(found)] if plotted else []
        parts.append(_table(transfer, found, drawn=not plotted))
    return [*parts, *([Text(transfer.result.verdict)] if transfer.result.verdict else [])]


def listed(transfers: "Iterable[Transfer]") -> Fitted:
    """One line a transfer."""
    rows = list(transfers)
    columns = [
        told("id", (each.id for each in rows)),
        told("name", (each.name or "" for each in rows), least=10),
        told("state", (tables.state(each.state) for each in rows)),
        told("model", (each.model for each in rows)),
        told("axis", map(_axis, rows), least=10),
        told("octaves per doubling", map(_drifts, rows)),
    ]
    by_title = {column.title: column for column in columns}
    wanted = [by_title[title] for title in ("id", "state", "octaves per doubling", "name", "axis", "model")]
    return Fitted(columns, wanted, "`unitscale show ID` has everything")


def _drifts(transfer: "Transfer") -> str:
    found = transfer.result.parametrizations
    return ", ".join(f"{each.parametrization} {_signed(each.drift_octaves_per_doubling)}" for each in found)


def _standing(transfer: "Transfer") -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("transfer", Text.assemble((transfer.id, "bold"), f"  {transfer.name or ''}"))
    grid.add_row("state", tables.state(transfer.state, "cancel asked" if transfer.wish else None))
    if transfer.reason:
        grid.add_row("reason", transfer.reason.message)
    extended = f", grids extended {_times(transfer.extensions)}" if transfer.extensions else ""
    grid.add_row("jobs", sweep_page.counted(transfer.counts).append(extended))
    seeds = "1 seed" if transfer.seeds == 1 else f"{transfer.seeds} seeds"
    grid.add_row("tried", f"{_axis(transfer)} of {transfer.model}, {seeds}")
    return grid


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _axis(transfer: "Transfer") -> str:
    return f"{transfer.axis.replace('_', ' ')} {', '.join(f'{value:,}' for value in transfer.values)}"


def _heading(transfer: "Transfer", found: "Parametrized") -> Text:
    text = Text(found.parametrization, style="bold")
    drift, cost, coordinates = found.drift_octaves_per_doubling, found.penalty_nats, found.coordinates
    if drift is not None:
        text.append(f"  {_signed(drift)}{_interval(found.drift_interval, 2)} octaves per doubling", style="not bold")
    if cost is not None:
        least, most = f"{transfer.values[0]:,}", f"{transfer.values[-1]:,}"
        paid = f"{_signed(cost, 3)}{_interval(found.penalty_interval, 3)}"
        text.append(f"\nthe best rate of {least} costs {paid} at {most}", style="not bold")
    if coordinates is not None and coordinates.growth is not None:
        text.append("\none step changes what the readout reads by ", style="not bold")
        text.append(", ".join(map(wording.number, coordinates.changes)), style="not bold")
        text.append(f", {transfer.axis.replace('_', ' ')} to the power {_signed(coordinates.growth)}", style="not bold")
    return text


class _Plot:
    """Loss against log2 of the learning rate, as wide as there is room."""

    def __init__(self, found: "Parametrized") -> None:
        self._found = found

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = overlay([_drawn(line) for line in self._found.values], min(options.max_width, WIDEST), HEIGHT)
        yield from rows
        if rows:
            yield Text("loss against log2 of the learning rate; numbers stand at the best rates", style="dim")


def _drawn(line: "AtValue") -> Drawn:
    pairs = zip(line.learning_rates, line.losses, strict=True)
    points = [(log2(rate), loss) for rate, loss in pairs if loss is not None]
    return Drawn(points, (line.vertex, line.loss) if line.vertex is not None and line.loss is not None else None)


def _by_rate(found: "Parametrized") -> list[str]:
    """The losses of each value in blocks, on a scale of its own: all over the same rates."""
    rates = sorted({rate for line in found.values for rate in line.learning_rates})
    losses = [dict(zip(line.learning_rates, line.losses, strict=True)) for line in found.values]
    return [sparklines([[each.get(rate) for rate in rates]])[0] for each in losses]


def _table(transfer: "Transfer", found: "Parametrized", *, drawn: bool) -> Table:
    table, blocks = bare_table(), _by_rate(found)
    columns = ("", transfer.axis.replace("_", " "), "best rate", "log2", "loss", "over sp", "rates")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    if drawn:
        table.add_column("loss by rate", no_wrap=True)
    table.add_column("", overflow="fold")
    for number, line in enumerate(found.values):
        known = sum(loss is not None for loss in line.losses)
        loss = "–" if line.loss is None else f"{line.loss:.3f}"
        rates = f"{known}/{len(line.losses)}"
        why = (line.why or "") if transfer.state != "running" else ""
        rate = "–" if line.learning_rate is None else f"{line.learning_rate:.3g}"
        label = Text(str(number + 1), style=f"bold {COLOURS[number % len(COLOURS)]}")
        drawing = [blocks[number]] if drawn else []
        numbers = (f"{line.value:,}", rate, _signed(line.vertex), loss, _signed(line.regret, 3), rates)
        table.add_row(label, *numbers, *drawing, why)
    return table


def _interval(interval: "SeedInterval | None", digits: int) -> str:
    ends: Sequence[float | None] = (interval.low, interval.high) if interval else ()
    known = [_signed(end, digits) for end in ends if end is not None]
    return f" ({known[0]} to {known[1]})" if len(known) == 2 else ""


def _signed(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")
