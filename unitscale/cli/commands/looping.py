"""`sweep`: many jobs from one spec."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from unitscale.cli import campaigns, printing
from unitscale.cli.commands.submitting import Key, Overrides, Source
from unitscale.cli.connection import connect, connection
from unitscale.cli.options import AsJson
from unitscale.cli.specs import Tree, lists_of, spec_of

if TYPE_CHECKING:
    from unitscale.models.campaigns import Campaign

Axes = Annotated[
    list[str] | None,
    typer.Option("--axis", "-a", metavar="PATH=VALUES", help="Values of a field, with commas between them."),
]
Named = Annotated[str | None, typer.Option(help="What to call it.")]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Watch it until it is over, then print it.")]


def sweep(
    ctx: typer.Context,
    source: Source = None,
    axis: Axes = None,
    override: Overrides = None,
    name: Named = None,
    wait: Wait = False,
    idempotency_key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Submit every combination of some values as a job of its own; jobs that are alike train together.

        unitscale sweep -o task=regression -a units.learning_rate=0.01,0.03,0.1 -a seed=0,1 --wait

        unitscale sweep sweep.yaml

    SPEC is a job's, to which --axis adds the values; or a whole sweep:

        base: {task: regression, dataset: diabetes}

        axes: {units.learning_rate: [0.01, 0.03], seed: [0, 1]}
    """
    body = _body(spec_of(source, override or ()), lists_of(axis or ()), name)
    with connect(ctx) as client:
        begun = client.sweeps.begin(body, idempotency_key)
        if wait:
            return campaigns.watch(client, connection(ctx), campaigns.KINDS["sw"], begun.id, as_json)
    return _say_begun(ctx, begun, as_json)


def _body(spec: Tree, axes: dict[str, list[Any]], name: str | None) -> Tree:
    sweep: Tree = dict(spec) if "base" in spec else {"base": spec}
    if axes:
        sweep["axes"] = axes
    if name:
        sweep["name"] = name
    return sweep


def _say_begun(ctx: typer.Context, begun: "Campaign", as_json: bool) -> None:
    printing.write(begun.model_dump_json(indent=2) if as_json else begun.id)
    printing.say(f"{len(begun.jobs)} jobs. Follow them:  {connection(ctx).command(f'watch {begun.id}')}")
