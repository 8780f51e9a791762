"""Ids of jobs and of campaigns told apart; what to do with a sweep where a job is wanted."""

import typer

from unitscale.cli.connection import connection
from unitscale.cli.exits import ExitCode
from unitscale.cli.printing import complain

INSTEAD = {
    "pause": "`{ls} --state running` lists its jobs to be paused; `{cancel}` calls all of it off.",
    "resume": "`{ls} --state paused` lists those of its jobs that can be.",
    "delete": "It stays; `{ls}` lists its jobs, which can be deleted once they have ended.",
    "curves": "`{compare} --curve val_loss --csv` prints the curves of all its jobs.",
}
ELSE = "`{ls}` lists its jobs."


def kind_of(some_id: str) -> str | None:
    """The kind of campaign that an id is of; None for a job's."""
    from unitscale.models import campaigns  # noqa: PLC0415  `--help` waits for no pydantic

    return campaigns.kind_of(some_id)


def of_jobs(ctx: typer.Context, ids: list[str]) -> list[str]:
    """Ends the command where one is the id of a campaign, saying what to do instead."""
    for some_id in ids:
        of_job(ctx, some_id)
    return ids


def of_job(ctx: typer.Context, some_id: str) -> str:
    """The same of one."""
    kind = kind_of(some_id)
    if kind is None:
        return some_id
    here, verb = connection(ctx), ctx.info_name or ""
    commands = {"ls": f"ls --campaign {some_id}", "cancel": f"cancel {some_id}", "compare": f"compare {some_id}"}
    instead = INSTEAD.get(verb, ELSE).format(**{name: here.command(words) for name, words in commands.items()})
    complain(f"`{verb}` takes jobs", f"{some_id} is a {kind}.", [], instead)
    raise typer.Exit(ExitCode.USAGE)


def of_campaign(some_id: str | None) -> str | None:
    """Raises BadParameter for what cannot be the id of a campaign."""
    if some_id is not None and kind_of(some_id) is None:
        raise typer.BadParameter(f"'{some_id}' is no id of a sweep (sw_…), a study (st_…) or a transfer (tr_…)")
    return some_id
