"""`catalog`, `workers`, `keys`: what surrounds the jobs."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, cast

import typer

from unitscale.cli import printing, tables
from unitscale.cli.connection import connect
from unitscale.cli.options import AsJson

if TYPE_CHECKING:
    from unitscale.models.keys import Scope

Project = Annotated[str, typer.Argument(help="The project that the key belongs to, such as vision.")]
Scopes = Annotated[list[str], typer.Option("--scope", help="read, submit or admin; each includes the ones before.")]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="Id of a key, as `unitscale keys ls` shows it.")]

keys = typer.Typer(no_args_is_help=True, help="Make, list and delete API keys (needs an admin key).")


def catalog(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show what can be asked for: tasks, data sets, models, optimizers, precisions."""
    with connect(ctx) as client:
        offered = client.catalog()
    printing.document(offered, as_json, lambda: tables.catalog(offered))


def workers(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show who is there to train, slot by slot."""
    with connect(ctx) as client:
        listed = client.workers()
    printing.documents(listed, as_json, lambda: [tables.workers(listed, datetime.now(UTC))])
    if not listed:
        printing.say("No worker is connected; `unitscale worker` starts one.")


@keys.command("create")
def create_key(ctx: typer.Context, project: Project, scope: Scopes = ["submit"], as_json: AsJson = False) -> None:  # noqa: B006 - typer copies it
    """Make a key for a project and print it: it is shown this once."""
    with connect(ctx) as client:
        key = client.create_key(project, cast("list[Scope]", scope))
    printing.write(key.model_dump_json(indent=2) if as_json else key.key)
    printing.say(f"{key.id} for project {key.project}: {', '.join(key.scopes)}. Keep the key; it is not shown again.")


@keys.command("ls")
def list_keys(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List keys, without their secrets."""
    with connect(ctx) as client:
        listed = client.keys()
    printing.documents(listed, as_json, lambda: [tables.keys(listed, datetime.now(UTC))])


@keys.command("delete")
def delete_key(ctx: typer.Context, key_id: KeyId) -> None:
    """Make a key worthless, from now on."""
    with connect(ctx) as client:
        client.delete_key(key_id)
    printing.say(f"{key_id} is no longer valid.")
