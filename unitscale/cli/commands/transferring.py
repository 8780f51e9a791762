"""`transfer`: does the best learning rate stay put when things get larger? Begun, listed."""

from typing import Annotated, Any

import typer

from unitscale.cli import campaigns
from unitscale.cli.commands.submitting import Key, Overrides, Source
from unitscale.cli.connection import connect, connection
from unitscale.cli.groups import Cursor, Limit, Named, Wait, group, list_page, say_begun
from unitscale.cli.options import AsJson
from unitscale.cli.specs import Tree, lists_of, spec_of

Axis = Annotated[str | None, typer.Option(help="What gets larger: width (default), depth, batch_size or tokens.")]
Values = Annotated[str | None, typer.Option(help="Two to eight of them, with commas between: 32,64,128.")]
Parametrizations = Annotated[
    str | None,
    typer.Option("--parametrization", "-p", help="sp, mup, u-mup, with commas between; sp,u-mup by default."),
]
Rates = Annotated[
    str | None, typer.Option("--learning-rates", help="A grid for all; by default seven rates about each one's own.")
]
Seeds = Annotated[int | None, typer.Option(min=1, max=8, help="Runs of each setting; 3 by default.")]


transfer = group(
    "transfer",
    "See whether the best learning rate stays put: "
    "`unitscale transfer -o task=text-generation -o dataset=grammar --values 32,64`.",
)


@transfer.command("run")
def run(
    ctx: typer.Context,
    source: Source = None,
    axis: Axis = None,
    values: Values = None,
    parametrization: Parametrizations = None,
    learning_rates: Rates = None,
    seeds: Seeds = None,
    override: Overrides = None,
    name: Named = None,
    wait: Wait = False,
    idempotency_key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Find the best learning rate at each size, and how it moves from one to the next; `run` may be left out.

        unitscale transfer -o task=text-generation -o dataset=grammar --values 32,64,128 --wait

        unitscale transfer spec.yaml --axis depth --values 2,4,8 --parametrization u-mup

    SPEC is a job's; or a whole transfer:

        base: {task: text-generation, dataset: grammar, budget: {steps: 150}}

        axis: width

        values: [32, 64, 128]

        learning_rates: {sp: [0.002, 0.004, 0.008], u-mup: [0.5, 1, 2]}
    """
    said = {"axis": axis, "seeds": seeds, "name": name}
    lists = {"values": values, "parametrizations": parametrization, "learning_rates": learning_rates}
    body = _body(spec_of(source, override or ()), said, lists)
    if not {"values", "widths"} & body.keys():
        raise typer.BadParameter("say how large: --values 32,64,128", param_hint="--values")
    with connect(ctx) as client:
        begun = client.transfers.begin(body, idempotency_key)
        if wait:
            return campaigns.watch(client, connection(ctx), campaigns.KINDS["transfer"], begun.id, as_json)
    return say_begun(ctx, begun, as_json)


@transfer.command("ls")
def ls(ctx: typer.Context, limit: Limit = 20, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List transfers, newest first."""
    list_page(ctx, "transfer", limit, cursor, as_json)


def _body(spec: Tree, said: dict[str, Any], lists: dict[str, str | None]) -> Tree:
    body: Tree = dict(spec) if "base" in spec else {"base": spec}
    body |= {field: value for field, value in said.items() if value is not None}
    return body | lists_of(f"{field}={text}" for field, text in lists.items() if text is not None)
