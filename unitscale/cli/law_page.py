"""A scaling law as people read it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from unitscale.cli import wording
from unitscale.cli.columns import bare_table
from unitscale.cli.plots import sparkline

if TYPE_CHECKING:
    from unitscale.models.scaling_laws import Interval, ScalingLaw

FORMS = {"chinchilla": "L = E + A/N^α + B/D^β", "kaplan": "L = ((N_c/N)^(α_N/α_D) + D_c/D)^α_D"}
WIDTH = 60


def page(law: "ScalingLaw") -> Sequence[RenderableType]:
    """The numbers, what they predict, how far the points lie from them, and what speaks against it all."""
    formula = Text(FORMS.get(law.form, law.form), style="bold")
    return [
        part for part in (formula, _numbers(law), _losses(law), _optima(law), _residuals(law), _warnings(law)) if part
    ]


def _numbers(law: "ScalingLaw") -> Table:
    table = _table("constant", "value", "95 %")
    for name, value in law.fit.items():
        table.add_row(name, wording.number(value), _interval(law.intervals.get(name)))
    return table


def _losses(law: "ScalingLaw") -> Table | None:
    table = _table("N", "D", "loss", "95 %")
    for each in law.predictions.at:
        table.add_row(
            wording.magnitude(each.parameters),
            wording.magnitude(each.tokens),
            wording.number(each.loss),
            _interval(each.interval),
        )
    return table if law.predictions.at else None


def _optima(law: "ScalingLaw") -> Table | None:
    table = _table("FLOP", "best N", "95 %", "best D", "95 %", "loss", "95 %")
    for each in law.predictions.flops:
        table.add_row(
            wording.magnitude(each.flops),
            wording.magnitude(each.parameters),
            _interval(each.parameters_interval, large=True),
            wording.magnitude(each.tokens),
            _interval(each.tokens_interval, large=True),
            wording.number(each.loss),
            _interval(each.loss_interval),
        )
    return table if law.predictions.flops else None


def _residuals(law: "ScalingLaw") -> Text:
    known = [value for value in law.residuals if value is not None]
    least, greatest = (f"{edge:+.2%}" for edge in (min(known), max(known)))
    drawn = sparkline(law.residuals, WIDTH)
    ends = f"{len(law.points)} points, from {least} to {greatest} off the law, typically {law.spread or 0:.2%}"
    return Text.assemble(("residuals  ", "dim"), drawn, f"\n{ends}\n", (law.counting, "dim"))


def _warnings(law: "ScalingLaw") -> Text | None:
    lines = [line for doubt in law.warnings for line in _doubt(doubt.code, doubt.detail, doubt.points)]
    return Text("\n").join(lines) if lines else None


def _doubt(code: str, detail: str, points: Sequence[int]) -> Iterator[Text]:
    shown = ", ".join(map(str, points[:12])) + (" …" if len(points) > 12 else "")
    yield Text.assemble((code, "yellow"), f"  {detail}", f" Points: {shown}." if points else "")


def _interval(interval: "Interval | None", large: bool = False) -> str:
    if interval is None:
        return wording.number(None)
    show = wording.magnitude if large else wording.number
    return f"{show(interval.low)} to {show(interval.high)}"


def _table(*columns: str) -> Table:
    table = bare_table()
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right", overflow="fold")
    return table
