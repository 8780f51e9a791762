"""Which jobs are compared: those that are named, those of campaigns, those with labels."""

from itertools import chain
from typing import TYPE_CHECKING, cast

import typer

from unitscale.cli.campaigns import kind_of
from unitscale.cli.ids import kind_of as word_of

if TYPE_CHECKING:
    from unitscale.client import Client
    from unitscale.client.comparing import Asked

MOST_JOBS = 1024
"""That the service compares at a time."""


def selected(client: "Client", ids: list[str], labels: dict[str, str]) -> "tuple[list[str], Asked]":
    """The ids of jobs, and what others have in common. The service takes one campaign; of several, all jobs are named.

    Raises BadParameter, NotFound.
    """
    campaigns = [some_id for some_id in dict.fromkeys(ids) if word_of(some_id)]
    named = [some_id for some_id in ids if some_id not in campaigns]
    if len(campaigns) <= 1:
        return named, cast("Asked", {"labels": labels, **{word_of(each): each for each in campaigns}})
    of_all = chain.from_iterable(_jobs_of(client, each, labels) for each in campaigns)
    named = list(dict.fromkeys(chain(named, of_all)))
    if len(named) > MOST_JOBS:
        raise typer.BadParameter(f"these are {len(named):,} jobs; at most {MOST_JOBS:,} are compared at a time")
    if not named:
        raise typer.BadParameter("none of these has a job that matches")
    return named, {}


def _jobs_of(client: "Client", campaign: str, labels: dict[str, str]) -> list[str]:
    """Oldest first. Raises NotFound."""
    if kind := kind_of(campaign):
        getattr(client, kind.noun).get(campaign)
    return [job.id for job in client.iterate_jobs(labels=labels, campaign=campaign)][::-1]
