"""`ls` and `show`: jobs as they stand."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from unitscale.cli import campaigns, job_page, printing, tables
from unitscale.cli.connection import connect
from unitscale.cli.ids import of_campaign
from unitscale.cli.options import AsJson, Labels, labels_of
from unitscale.cli.paging import filled, say_more

State = Annotated[
    str | None, typer.Option("--state", "-s", help="queued, running, paused, succeeded, failed or cancelled.")
]
Task = Annotated[str | None, typer.Option("--task", "-t", help="Such as regression; see `unitscale catalog`.")]
CampaignOption = Annotated[
    str | None, typer.Option("--campaign", callback=of_campaign, help="Id of a sweep, a study or a transfer.")
]
AnyId = Annotated[
    str, typer.Argument(metavar="ID", help="Of a job, a sweep, a study, a transfer or an uploaded data set.")
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="Jobs a page.")]
Cursor = Annotated[str | None, typer.Option(help="Where the next page starts; the page before says it.")]


def ls(
    ctx: typer.Context,
    state: State = None,
    task: Task = None,
    label: Labels = None,
    campaign: CampaignOption = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    with connect(ctx) as client:
        labels = labels_of(label or ())
        page = filled(lambda most, at: client.jobs(state, task, labels, most, at, campaign), limit, cursor)
    printing.document(page, as_json, lambda: [tables.jobs(page.data, datetime.now(UTC))])
    if not as_json:
        say_more(ctx, page.next_cursor)


def show(ctx: typer.Context, job_id: AnyId, as_json: AsJson = False) -> None:
    """Show everything about a job: state, reason, queue, units, timings, result, loss curves; or about a sweep, …"""
    with connect(ctx) as client:
        if job_id.startswith("ds_"):
            dataset = client.dataset(job_id)
            return printing.document(dataset, as_json, lambda: [tables.dataset(dataset, datetime.now(UTC))])
        if kind := campaigns.kind_of(job_id):
            return campaigns.show(client, kind, job_id, as_json)
        job = client.job(job_id)
        if as_json:
            return printing.write_json(job)
        curves = client.curves(job_id, job_page.DRAWN, max_points=job_page.DRAWN_POINTS)
    return printing.show(*job_page.page(job, curves, datetime.now(UTC)))
