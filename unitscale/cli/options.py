"""Options and arguments that several commands share, each described once."""

from typing import Annotated

import typer

from unitscale.cli.ids import of_job, of_jobs

SERVICE, JOBS, LOOP, RESULTS, AROUND = "Run the service", "Jobs", "Many jobs", "Results", "Around"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the API says it.")]
JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", callback=of_job, help="Id of a job, such as job_06g1m2c8kq7v3x9t4b5n.")
]
JobArguments = Annotated[list[str], typer.Argument(metavar="JOB...", callback=of_jobs, help="Ids of jobs.")]
AnyArgument = Annotated[str, typer.Argument(metavar="ID", help="Of a job, a sweep, a study or a transfer.")]
AnyArguments = Annotated[list[str], typer.Argument(metavar="ID...", help="Of jobs, sweeps, studies or transfers.")]
