"""`watch` and `logs`: a job while it runs."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from unitscale.cli import campaigns, job_page, live, printing
from unitscale.cli.connection import Connection, connect, connection
from unitscale.cli.options import AnyArgument, AsJson, JobArgument

if TYPE_CHECKING:
    from unitscale.client import Client

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Wait for more, until the job has ended.")]


def watch(ctx: typer.Context, job_id: AnyArgument, as_json: AsJson = False) -> None:
    """Watch a job, or a sweep, until it has ended, then print its result. Ctrl-C detaches; it goes on.

    With --json, every event of a job is one line of JSON on stdout.
    """
    with connect(ctx) as client:
        if kind := campaigns.kind_of(job_id):
            return campaigns.watch(client, connection(ctx), kind, job_id, as_json)
        if as_json:
            _print_events(client, connection(ctx), job_id)
            return live.ending(client.job(job_id))
        job = live.watch(client, connection(ctx), client.job(job_id))
        curves = client.curves(job_id, job_page.DRAWN, max_points=job_page.DRAWN_POINTS)
    printing.show(*job_page.page(job, curves, datetime.now(UTC)))
    return live.ending(job)


def logs(ctx: typer.Context, job_id: JobArgument, follow: Follow = False, as_json: AsJson = False) -> None:
    """Print what a job's trainer wrote, cancelled and failed jobs included."""
    with connect(ctx) as client:
        if follow:
            return _follow_logs(client, connection(ctx), job_id, as_json)
        for line in client.iterate_logs(job_id):
            printing.write(line.model_dump_json() if as_json else line.line)
    return None


def _print_events(client: "Client", here: Connection, job_id: str) -> None:
    with live.detachable(here, f"watch {job_id} --json", job_id):
        for event in client.follow(job_id):
            printing.write(event.model_dump_json())


def _follow_logs(client: "Client", here: Connection, job_id: str, as_json: bool) -> None:
    with live.detachable(here, f"logs -f {job_id}", job_id):
        for event in client.follow(job_id):
            if event.type == "log":
                printing.write(event.model_dump_json() if as_json else str(event.data.get("line", "")))
            if event.type == "end":  # said aloud, so that nobody waits for more
                printing.say(f"The job has ended: {event.data.get('state')}.")
