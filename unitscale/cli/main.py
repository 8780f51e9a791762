"""The command line, put together."""

import os
from pathlib import Path
from typing import Annotated

import typer

from unitscale import __version__
from unitscale.cli.commands import (
    advising,
    around,
    comparing,
    data,
    doctor,
    fitting,
    following,
    listing,
    looping,
    results,
    service,
    steering,
    studying,
    submitting,
    transferring,
)
from unitscale.cli.connection import Given, locate
from unitscale.cli.exits import MEANINGS, Polite
from unitscale.cli.options import AROUND, JOBS, LOOP, RESULTS, SERVICE

EPILOG = "Exit codes:\n\n" + "\n".join(f"- {code.value}: {meaning}" for code, meaning in MEANINGS.items())

PANELS = {
    SERVICE: (service.up, service.api, service.worker),
    JOBS: (
        submitting.submit,
        listing.ls,
        listing.show,
        following.watch,
        following.logs,
        steering.cancel,
        steering.pause,
        steering.resume,
        steering.delete,
    ),
    LOOP: (looping.sweep, advising.advise),
    RESULTS: (results.predict, comparing.compare, results.curves, results.artifacts, fitting.fit),
    AROUND: (around.catalog, around.workers, doctor.doctor),
}

Url = Annotated[
    str | None, typer.Option(help="Address of the service; else UNITSCALE_URL, else what `up` left behind.")
]
KeyFile = Annotated[Path | None, typer.Option(help="File that holds the API key; else UNITSCALE_API_KEY.")]
ApiKey = Annotated[str | None, typer.Option(help="The API key itself. Others on this machine can see it: avoid.")]
DataDir = Annotated[
    Path | None, typer.Option(help="A local service's directory; else UNITSCALE_DATA_DIR, ~/.unitscale.")
]
Version = Annotated[bool, typer.Option("--version", help="Print the version.")]

app = typer.Typer(
    cls=Polite,
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def unitscale(
    ctx: typer.Context,
    url: Url = None,
    key_file: KeyFile = None,
    api_key: ApiKey = None,
    data_dir: DataDir = None,
    version: Version = False,
) -> None:
    """Choose the units of training: learning rate, batch size, precision, parametrization.

    Start with `unitscale up`; then, in another terminal, `unitscale submit -o task=regression --wait`.
    Data goes to stdout, everything else to stderr; --json after any command prints what the API says.
    """
    if version:
        typer.echo(f"unitscale {__version__}")
        raise typer.Exit
    ctx.obj = locate(Given(url, api_key, key_file, data_dir), os.environ)


for panel, commands in PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(data.data, name="data", rich_help_panel=JOBS)
app.add_typer(studying.study, name="study", rich_help_panel=LOOP)
app.add_typer(transferring.transfer, name="transfer", rich_help_panel=LOOP)
app.add_typer(around.keys, name="keys", rich_help_panel=AROUND)
