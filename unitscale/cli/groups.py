"""What the commands of sweeps, studies and transfers have in common: run by default, waited for, listed."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from unitscale.cli import campaigns, printing
from unitscale.cli.connection import connect, connection
from unitscale.cli.exits import ExitCode
from unitscale.cli.paging import say_more

if TYPE_CHECKING:
    from unitscale.models.campaigns import Campaign

Named = Annotated[str | None, typer.Option(help="What to call it.")]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Watch it until it is over, then print it.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="Entries a page.")]
Cursor = Annotated[str | None, typer.Option(help="Where the next page starts; the page before says it.")]


ANY = ("show", "watch", "cancel", "compare")
"""Commands that take the id of any campaign."""


class RunByDefault(TyperGroup):
    """`study spec.yaml` is `study run spec.yaml`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        known = {*self.commands, "-h", "--help"}
        if args and args[0] in ANY:
            here = connection(ctx).command(" ".join(args))
            printing.complain(f"`unitscale {args[0]} ID` takes any id", "It needs no kind before it.", [], here)
            raise typer.Exit(ExitCode.USAGE)
        return super().parse_args(ctx, ["run", *args] if args and args[0] not in known else args)


def group(kind: str, words: str) -> typer.Typer:
    """The commands of one kind of campaign."""
    its_id = f"`unitscale {', '.join(ANY[:-1])}` and `{ANY[-1]}` take its id"
    more = f"`unitscale {kind} run --help` shows its options and a whole {kind}; {its_id}."
    return typer.Typer(cls=RunByDefault, no_args_is_help=True, rich_markup_mode="markdown", help=f"{words}\n\n{more}")


def say_begun(ctx: typer.Context, begun: "Campaign", as_json: bool) -> None:
    """Its id for programs, what comes next for people."""
    printing.write(begun.model_dump_json(indent=2) if as_json else begun.id)
    jobs = f"{len(begun.jobs)} jobs. Follow them" if begun.jobs else "Follow it"
    printing.say(f"{jobs}:  {connection(ctx).command(f'watch {begun.id}')}")


def list_page(ctx: typer.Context, name: str, limit: int, cursor: str | None, as_json: bool) -> None:
    """A page of the campaigns of a kind, newest first; and how to get the next one."""
    kind = campaigns.KINDS[name]
    with connect(ctx) as client:
        page = getattr(client, kind.noun).page(limit, cursor)
    printing.document(page, as_json, lambda: [kind.listed(page.data)])
    if not as_json:
        say_more(ctx, page.next_cursor)
