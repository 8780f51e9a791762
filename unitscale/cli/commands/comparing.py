"""`compare`: jobs side by side."""

from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from unitscale.cli import comparison_page, printing
from unitscale.cli.connection import connect
from unitscale.cli.options import AsJson, Labels, labels_of
from unitscale.cli.selection import MOST_JOBS, selected

if TYPE_CHECKING:
    from unitscale.client import Client
    from unitscale.client.comparing import Asked

SHOWN_JOBS = 30
SPARKLINE_POINTS = 64

Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="Of jobs; of sweeps, studies and transfers: all their jobs."),
]
Curves = Annotated[
    list[str] | None, typer.Option("--curve", "-c", help="Such as val_loss; repeatable. A table draws train_loss.")
]
Align = Annotated[
    Literal["step", "tokens", "examples", "time", "fraction"],
    typer.Option(help="What curves are laid along: time is seconds of training, fraction is of the planned steps."),
]
Smooth = Annotated[float | None, typer.Option(min=0, max=0.999999, help="Such as 0.9: exponential mean of curves.")]
MaxPoints = Annotated[int | None, typer.Option(min=2, max=10_000, help="Places of a curve, in --json and --csv.")]
ToLoss = Annotated[float | None, typer.Option(help="Tell when each job first reached this loss, and how much faster.")]
Of = Annotated[str, typer.Option(help="The curve that --to-loss is about.")]
Sort = Annotated[
    str | None, typer.Option("--sort", "-s", help="A measure, best first, or a field; -s=-… turns the order round.")
]
Limit = Annotated[
    int | None, typer.Option("--limit", "-n", min=1, max=MOST_JOBS, help=f"Jobs to tell of; {SHOWN_JOBS} in a table.")
]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV: a row a job; with --curve, a row for each place.")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")]


def compare(
    ctx: typer.Context,
    ids: Ids = None,
    label: Labels = None,
    curve: Curves = None,
    align: Align = "step",
    smooth: Smooth = None,
    max_points: MaxPoints = None,
    to_loss: ToLoss = None,
    of: Of = "val_loss",
    sort: Sort = None,
    limit: Limit = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    as_markdown: AsMarkdown = False,
) -> None:
    """Put jobs side by side: the fields that differ, what came out, which is best, curves.

    unitscale compare job_06g1m2c8kq7v3x9t4b5n job_06g1m2c8kq7v3x9t4b5p --to-loss 2.5

    unitscale compare sw_06g1m2c8kq7v3x9t4b5n --sort val_loss

    unitscale compare --label team=nlp --sort val_loss --limit 10 --markdown
    """
    given = {"align": align, "smooth": smooth, "max_points": max_points, "to_loss": to_loss, "of": of}
    asked = cast("Asked", {"sort": sort, "limit": limit, "keys": curve or (), **given})
    if not (ids or label):
        raise typer.BadParameter("name jobs, a sweep or a study, or give --label")
    if as_json + as_csv + as_markdown > 1:
        raise typer.BadParameter("give one of --json, --csv and --markdown")
    with connect(ctx) as client:
        job_ids, in_common = selected(client, ids or [], labels_of(label or ()))
        asked |= in_common
        if as_csv:
            return printing.write(client.compare_csv(job_ids, **asked))
        if as_markdown:
            return printing.write(client.compare_markdown(job_ids, **asked))
        if as_json:
            return printing.write_json(client.compare(job_ids, **asked))
        return _show(client, job_ids, asked)


def _show(client: "Client", job_ids: list[str], asked: "Asked") -> None:
    """Draw a table. Curves are those that were named, else the training loss."""
    drawn: Asked = {"keys": asked.get("keys") or ("train_loss",), "max_points": SPARKLINE_POINTS}
    answer = client.compare(job_ids, **(asked | drawn | {"limit": asked.get("limit") or SHOWN_JOBS}))
    printing.show(*comparison_page.page(answer, printing.stdout().width))
    if answer.total > len(answer.jobs):
        printing.say(f"{len(answer.jobs)} of {answer.total} jobs; --limit shows more, --sort val_loss the best first.")
