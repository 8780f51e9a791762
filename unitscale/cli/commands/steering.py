"""`cancel`, `pause`, `resume`, `delete`: jobs told what to do."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import typer

from unitscale.cli import printing
from unitscale.cli.campaigns import kind_of
from unitscale.cli.connection import connect
from unitscale.cli.options import AnyArguments, AsJson, JobArguments

if TYPE_CHECKING:
    from unitscale.client import Client
    from unitscale.models.campaigns import Campaign
    from unitscale.models.jobs import Job


def cancel(ctx: typer.Context, ids: AnyArguments, as_json: AsJson = False) -> None:
    """Call jobs off, or sweeps with all of theirs. A running one stops within seconds.

    Its checkpoints stay: another job can start from one with `init_from`. It cannot be asked for predictions.
    """
    with connect(ctx) as client:
        _tell((_cancelled(client, some_id) for some_id in ids), as_json)


def _cancelled(client: "Client", some_id: str) -> "Job | Campaign":
    kind = kind_of(some_id)
    return getattr(client, kind.noun).cancel(some_id) if kind else client.cancel(some_id)


def pause(ctx: typer.Context, job_ids: JobArguments, as_json: AsJson = False) -> None:
    """Set jobs aside with a checkpoint; their slots are free for others."""
    with connect(ctx) as client:
        _tell(map(client.pause, job_ids), as_json)


def resume(ctx: typer.Context, job_ids: JobArguments, as_json: AsJson = False) -> None:
    """Put paused jobs back in the queue; they go on from their checkpoints."""
    with connect(ctx) as client:
        _tell(map(client.resume, job_ids), as_json)


def delete(ctx: typer.Context, job_ids: JobArguments) -> None:
    """Forget ended jobs, with their curves and files. This cannot be undone."""
    with connect(ctx) as client:
        _each(client.delete, job_ids)


def _each(do: Callable[[str], None], job_ids: Iterable[str]) -> None:
    for job_id in job_ids:
        do(job_id)
        printing.say(f"{job_id} is deleted.")


def _tell(jobs: "Iterable[Job | Campaign]", as_json: bool) -> None:
    """Jobs one by one, so that an error leaves no doubt which ones were reached."""
    for job in jobs:
        asked = f" ({job.wish} asked for)" if job.wish else ""
        printing.write(job.model_dump_json(indent=2) if as_json else f"{job.id} {job.state}{asked}")
