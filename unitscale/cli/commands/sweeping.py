"""`sweep`: many jobs from one spec, begun, listed."""

from typing import Annotated, Any

import typer

from unitscale.cli import campaigns
from unitscale.cli.commands.submitting import Key, Overrides, Source
from unitscale.cli.connection import connect, connection
from unitscale.cli.groups import Cursor, Limit, Named, Wait, group, list_page, say_begun
from unitscale.cli.options import AsJson
from unitscale.cli.specs import Tree, lists_of, spec_of

Axes = Annotated[
    list[str] | None,
    typer.Option("--axis", "-a", metavar="PATH=VALUES", help="Values of a field, with commas between them."),
]


sweep = group("sweep", "Submit every combination of some values: `unitscale sweep spec.yaml -a seed=0,1,2 --wait`.")


@sweep.command("run")
def run(
    ctx: typer.Context,
    source: Source = None,
    axis: Axes = None,
    override: Overrides = None,
    name: Named = None,
    wait: Wait = False,
    idempotency_key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Submit every combination of some values as a job of its own; `run` may be left out.

    Jobs that are alike train together, in one process.

        unitscale sweep -o task=regression -a units.learning_rate=0.01,0.03,0.1 -a seed=0,1 --wait

        unitscale sweep sweep.yaml

    SPEC is a job's, to which --axis adds the values; or a whole sweep:

        base: {task: regression, dataset: diabetes}

        axes: {units.learning_rate: [0.01, 0.03], seed: [0, 1]}
    """
    body = _body(spec_of(source, override or ()), lists_of(axis or ()), name)
    if not {"axes", "settings"} & body.keys():
        example = "-a units.learning_rate=0.01,0.1"
        raise typer.BadParameter(
            f"say what is to vary: {example}; or give `axes` or `settings` in SPEC", param_hint="-a"
        )
    with connect(ctx) as client:
        begun = client.sweeps.begin(body, idempotency_key)
        if wait:
            return campaigns.watch(client, connection(ctx), campaigns.KINDS["sweep"], begun.id, as_json)
    return say_begun(ctx, begun, as_json)


@sweep.command("ls")
def ls(ctx: typer.Context, limit: Limit = 20, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List sweeps, newest first."""
    list_page(ctx, "sweep", limit, cursor, as_json)


def _body(spec: Tree, axes: dict[str, list[Any]], name: str | None) -> Tree:
    sweep: Tree = dict(spec) if "base" in spec else {"base": spec}
    if axes:
        sweep["axes"] = axes
    if name:
        sweep["name"] = name
    return sweep
