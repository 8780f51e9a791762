"""`study`: the search for the best units, begun, listed, reported."""

from pathlib import Path
from typing import Annotated

import typer

from unitscale.cli import campaigns, printing
from unitscale.cli.commands.submitting import Key, Overrides, Source
from unitscale.cli.connection import connect, connection
from unitscale.cli.groups import Cursor, Limit, Named, Wait, group, list_page, say_begun
from unitscale.cli.options import AsJson
from unitscale.cli.specs import spec_of

Argument = Annotated[str, typer.Argument(metavar="STUDY", help="Id of a study, such as st_06g1m2c8kq7v3x9t4b5n.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", dir_okay=False, help="The file; else stdout.")]


study = group("study", "Search units for the best of an objective: `unitscale study study.yaml --wait`.")


@study.command("run")
def run(
    ctx: typer.Context,
    source: Source = None,
    override: Overrides = None,
    name: Named = None,
    wait: Wait = False,
    idempotency_key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Search units under constraints until a target is reached or a budget spent; `run` may be left out.

        unitscale study study.yaml --wait

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
        if wait:
            return campaigns.watch(client, connection(ctx), campaigns.KINDS["study"], begun.id, as_json)
    return say_begun(ctx, begun, as_json)


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
    list_page(ctx, "study", limit, cursor, as_json)
