"""`study`: the search for the best units, begun, listed, reported."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from unitscale.cli import campaigns, printing, study_page
from unitscale.cli.commands.submitting import Key, Overrides, Source
from unitscale.cli.connection import connect, connection
from unitscale.cli.options import AsJson
from unitscale.cli.specs import spec_of

Named = Annotated[str | None, typer.Option(help="What to call it.")]
Watch = Annotated[bool, typer.Option("--watch", "--wait", "-w", help="Watch it until it is over, then print it.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="Entries a page.")]
Argument = Annotated[str, typer.Argument(metavar="STUDY", help="Id of a study, such as st_06g1m2c8kq7v3x9t4b5n.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", dir_okay=False, help="The file; else stdout.")]
Cursor = Annotated[str | None, typer.Option(help="Where the next page starts; the page before says it.")]


class RunByDefault(TyperGroup):
    """`study spec.yaml` is `study run spec.yaml`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        known = {*self.commands, "-h", "--help"}
        return super().parse_args(ctx, ["run", *args] if args and args[0] not in known else args)


study = typer.Typer(
    cls=RunByDefault,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Search units for the best of an objective: `unitscale study spec.yaml --watch`.",
)


@study.command("run")
def run(
    ctx: typer.Context,
    source: Source = None,
    override: Overrides = None,
    name: Named = None,
    watch: Watch = False,
    idempotency_key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Search units under constraints until a target is reached or a budget spent; `run` may be left out.

        unitscale study spec.yaml --watch

    A study, with some of its fields:

        base: {task: regression, dataset: diabetes, model: {kind: mlp}}

        objective: {minimize: val_loss}

        units: {learning_rate: {low: 1e-4, high: 0.1, scale: log}, batch_size: {choices: [16, 32]}}

        target: {at_most: 0.5}

        budget: {trials: 20, max_seconds: 600}

    `unitscale show`, `watch`, `cancel` and `compare` take its id.
    """
    body = spec_of(source, override or ()) | ({"name": name} if name else {})
    with connect(ctx) as client:
        begun = client.studies.begin(body, idempotency_key)
        if watch:
            return campaigns.watch(client, connection(ctx), campaigns.KINDS["st"], begun.id, as_json)
    printing.write(begun.model_dump_json(indent=2) if as_json else begun.id)
    return printing.say(f"Follow it:  {connection(ctx).command(f'watch {begun.id}')}")


@study.command("report")
def report(ctx: typer.Context, study_id: Argument, output: Output = None) -> None:
    """Write a study's report: one HTML file with curves, tables and recommended units, to be mailed or printed."""
    with connect(ctx) as client:
        page = client.study_report(study_id)
    if output is None:
        return printing.write(page)
    output.write_text(page, encoding="utf-8")
    return printing.say(f"Written to {output}.")


@study.command("ls")
def ls(ctx: typer.Context, limit: Limit = 20, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List studies, newest first."""
    with connect(ctx) as client:
        page = client.studies.page(limit, cursor)
    printing.document(page, as_json, lambda: [study_page.listed(page.data)])
    if page.has_more and not as_json:
        printing.say(f"There are more:  {connection(ctx).command(f'study ls --cursor {page.next_cursor}')}")
