"""Advice as people read it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from unitscale.cli import wording
from unitscale.cli.columns import bare_table
from unitscale.cli.plots import sparklines

if TYPE_CHECKING:
    from unitscale.models.advice import Advice, Expected, Recommended

STYLES = {"high": "green", "medium": "yellow", "low": "red"}
ORDER = ("learning_rate", "batch_size", "precision", "parametrization")
MOST_NAMED = 4
"""Past jobs that are named; of more, their number."""


def page(advice: "Advice") -> Sequence[RenderableType]:
    """The units with their reasons, then what to expect of them."""
    units = _table("unit", "take", "sure", "why")
    for name in ORDER:
        each = advice.units[name]
        _row(units, name, wording.number(each.value), each.sure, each.reason, each.why_sure, each.jobs)
        if drawn := _by_rate(each):
            units.add_row("", "", "", drawn)
    expected = _table("expect", "", "sure", "why")
    for name, each in dict(advice.expected).items():
        _row(expected, name, _between(each, name), each.sure, each.reason, each.why_sure, each.jobs)
    return units, expected, Text(f"Past jobs of this task that were looked at: {advice.looked_at}.", style="dim")


def _by_rate(advised: "Recommended") -> str:
    """The losses that a rate was read from, a block each, where there are two to compare."""
    rates, losses = [rate for rate, _ in advised.by_rate], [loss for _, loss in advised.by_rate]
    if sum(loss is not None for loss in losses) < 2:
        return ""
    ends = f"{wording.number(rates[0])} to {wording.number(rates[-1])}"
    return f"Loss at rates from {ends}: {sparklines([losses])[0]}"


def _row(table: Table, name: str, value: str, sure: str, reason: str, why: str, jobs: Sequence[str]) -> None:
    source = "" if not jobs else f" From {', '.join(jobs) if len(jobs) <= MOST_NAMED else f'{len(jobs)} jobs'}."
    words = Text.assemble(reason, (f" {why}{source}", "dim"))
    table.add_row(name, Text(value, style="bold"), Text(sure, style=STYLES[sure]), words)


def _between(expected: "Expected", name: str) -> str:
    shown = wording.seconds if name.endswith("_seconds") else wording.number
    if expected.value is None:
        return wording.number(None)
    ends = f" ({shown(expected.low)} to {shown(expected.high)})" if expected.low != expected.high else ""
    return f"{shown(expected.value)}{ends}"


def _table(*columns: str) -> Table:
    table = bare_table()
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("unit", "take", "expect", "sure"))
    return table
