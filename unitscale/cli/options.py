"""Options and arguments that several commands share, each described once."""

import re
from collections.abc import Iterable
from typing import Annotated

import typer

from unitscale.cli.ids import of_job, of_jobs

SERVICE, JOBS, LOOP = "Run the service", "Jobs", "Sweeps, studies, transfer"
RESULTS, AROUND = "Results", "Catalog and workers"

Labels = Annotated[
    list[str] | None,
    typer.Option("--label", "-l", metavar="NAME=VALUE", help="Only jobs with it, also NAME:VALUE; all of several."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the API says it.")]
JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", callback=of_job, help="Id of a job, such as job_06g1m2c8kq7v3x9t4b5n.")
]
JobArguments = Annotated[list[str], typer.Argument(metavar="JOB...", callback=of_jobs, help="Ids of jobs.")]
AnyArgument = Annotated[str, typer.Argument(metavar="ID", help="Of a job, a sweep, a study or a transfer.")]
AnyArguments = Annotated[list[str], typer.Argument(metavar="ID...", help="Of jobs, sweeps, studies or transfers.")]


def labels_of(pairs: Iterable[str]) -> dict[str, str]:
    """Name → value of `name=value` or `name:value`. Raises BadParameter."""
    return dict(map(_pair, pairs))


def _pair(text: str) -> tuple[str, str]:
    found = re.fullmatch("([^=:]+)[=:](.*)", text)
    if found is None:
        raise typer.BadParameter(f"'{text}' is not name=value", param_hint="--label")
    return found[1], found[2]
