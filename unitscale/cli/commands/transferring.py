"""`transfer`: does the best learning rate stay put when things get larger? Begun, listed."""

from typing import Annotated, Any

import typer

from unitscale.cli import campaigns, printing, transfer_page
from unitscale.cli.commands.looping import Named, Wait
from unitscale.cli.commands.studying import Cursor, Limit, RunByDefault
from unitscale.cli.commands.submitting import Key, Overrides, Source
from unitscale.cli.connection import connect, connection
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


transfer = typer.Typer(
    cls=RunByDefault,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="See whether the best learning rate stays put: `unitscale transfer -o task=text-generation --values 32,64`.",
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

        unitscale transfer -o task=text-generation --values 32,64,128 --wait

        unitscale transfer spec.yaml --axis depth --values 2,4,8 --parametrization u-mup

    SPEC is a job's; or a whole transfer:

        base: {task: text-generation, budget: {steps: 150}}

        axis: width

        values: [32, 64, 128]

        learning_rates: {sp: [0.002, 0.004, 0.008], u-mup: [0.5, 1, 2]}
    """
    said = {"axis": axis, "seeds": seeds, "name": name}
    lists = {"values": values, "parametrizations": parametrization, "learning_rates": learning_rates}
    body = _body(spec_of(source, override or ()), said, lists)
    with connect(ctx) as client:
        begun = client.transfers.begin(body, idempotency_key)
        if wait:
            return campaigns.watch(client, connection(ctx), campaigns.KINDS["tr"], begun.id, as_json)
    printing.write(begun.model_dump_json(indent=2) if as_json else begun.id)
    return printing.say(f"{len(begun.jobs)} jobs. Follow them:  {connection(ctx).command(f'watch {begun.id}')}")


@transfer.command("ls")
def ls(ctx: typer.Context, limit: Limit = 20, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List transfers, newest first."""
    with connect(ctx) as client:
        page = client.transfers.page(limit, cursor)
    printing.document(page, as_json, lambda: [transfer_page.listed(page.data)])
    if page.has_more and not as_json:
        printing.say(f"There are more:  {connection(ctx).command(f'transfer ls --cursor {page.next_cursor}')}")


def _body(spec: Tree, said: dict[str, Any], lists: dict[str, str | None]) -> Tree:
    body: Tree = dict(spec) if "base" in spec else {"base": spec}
    body |= {field: value for field, value in said.items() if value is not None}
    return body | lists_of(f"{field}={text}" for field, text in lists.items() if text is not None)
