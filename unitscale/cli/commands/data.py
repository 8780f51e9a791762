"""`data`: data sets of one's own, uploaded, looked at, forgotten."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from unitscale.cli import printing, tables
from unitscale.cli.connection import connect, connection
from unitscale.cli.exits import ExitCode
from unitscale.cli.options import AsJson
from unitscale.cli.paging import say_more

if TYPE_CHECKING:
    from unitscale.client.sending import Progress as Told
    from unitscale.models.datasets import Dataset

File = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help=".csv, .parquet, .npz, .zip, .txt, …")
]
Task = Annotated[str, typer.Option("--task", "-t", help="What is to be learnt from it, such as regression.")]
Name = Annotated[str | None, typer.Option(help="What to call it; the file's name by default.")]
Target = Annotated[str | None, typer.Option(help="Regression: the column to be learnt; the last by default.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="Data sets a page.")]
Cursor = Annotated[str | None, typer.Option(help="Where the next page starts; the page before says it.")]
Argument = Annotated[str, typer.Argument(metavar="DATASET", help="Id of a data set, such as ds_06g1m2c8kq7v3x9t4b5n.")]
Arguments = Annotated[list[str], typer.Argument(metavar="DATASET...", help="Ids of data sets.")]

data = typer.Typer(no_args_is_help=True, help="Upload, list and delete data sets of your own.")


@data.command("upload")
def upload(
    ctx: typer.Context, file: File, task: Task, name: Name = None, target: Target = None, as_json: AsJson = False
) -> None:
    """Upload a data set, wait for its check, print its id: what a spec's `dataset` takes."""
    with connect(ctx) as client:
        with _bar(file) as told:
            sent = client.upload(file, task, name, target, told)
        printing.say(f"{sent.id} is being checked.")
        dataset = client.checked(sent.id)
    printing.write(dataset.model_dump_json(indent=2) if as_json else dataset.id)
    _conclude(dataset, connection(ctx).command(f"submit -o task={task} -o dataset={dataset.id} --wait"))


@data.command("ls")
def ls(ctx: typer.Context, limit: Limit = 20, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List uploaded data sets, newest first; `unitscale catalog` lists those that come along."""
    with connect(ctx) as client:
        page = client.datasets(limit, cursor)
    printing.document(page, as_json, lambda: [tables.datasets(page.data, datetime.now(UTC))])
    if not as_json:
        say_more(ctx, page.next_cursor)


@data.command("show")
def show(ctx: typer.Context, dataset_id: Argument, as_json: AsJson = False) -> None:
    """Show what a data set holds, or why it is invalid."""
    with connect(ctx) as client:
        dataset = client.dataset(dataset_id)
    printing.document(dataset, as_json, lambda: [tables.dataset(dataset, datetime.now(UTC))])


@data.command("delete")
def delete(ctx: typer.Context, dataset_ids: Arguments) -> None:
    """Forget data sets, with their files. Models trained on them stay."""
    with connect(ctx) as client:
        for dataset_id in dataset_ids:
            client.delete_dataset(dataset_id)
            printing.say(f"{dataset_id} is deleted.")


def _conclude(dataset: "Dataset", following: str) -> None:
    """Say how the check ended, and leave with the exit code that it deserves."""
    if dataset.reason is not None:
        printing.complain("The data set is invalid", dataset.reason.message, [], None)
        raise typer.Exit(ExitCode.ENDED_BADLY)
    printing.say(f"It is ready. Train on it:  {following}")


@contextmanager
def _bar(file: Path) -> "Generator[Told | None]":
    """A bar on a terminal, nothing where there is none."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=printing.stderr(), transient=True) as progress:
        task = progress.add_task(file.name)
        yield lambda sent, size: progress.update(task, completed=sent, total=size)
