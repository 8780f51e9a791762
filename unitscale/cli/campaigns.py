"""Sweeps, studies and transfers on the terminal: found by their ids, shown, watched until they are over."""

import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from unitscale.cli import ids, printing, study_page, sweep_page, transfer_page, wording
from unitscale.cli.exits import ExitCode
from unitscale.cli.live import detachable

if TYPE_CHECKING:
    from unitscale.cli.connection import Connection
    from unitscale.client import Client
    from unitscale.models.campaigns import Campaign

LOOK_SECONDS = 1.0
MOST_NAMED = 5
"""Paused jobs that are named; where there are more, how to list them is told."""
View = Callable[[Any, str | None], None]
"""Shows a campaign as it stands, and what holds it up."""


class Kind(NamedTuple):
    """How campaigns of one kind are reached and shown."""

    noun: str
    """What the client calls them: `client.sweeps`."""
    page: Callable[["Client", Any, int], Sequence[RenderableType]]
    """Everything about one, on so many lines at most."""
    listed: Callable[[Any], RenderableType]
    """Several, a line each."""


KINDS = {
    "sweep": Kind("sweeps", sweep_page.page, sweep_page.listed),
    "study": Kind("studies", study_page.page, study_page.listed),
    "transfer": Kind("transfers", transfer_page.page, transfer_page.listed),
}


def kind_of(some_id: str) -> Kind | None:
    """The kind of campaign that an id is of; None for a job's."""
    kind = ids.kind_of(some_id)
    return KINDS[kind] if kind else None


def show(client: "Client", kind: Kind, campaign_id: str, as_json: bool) -> None:
    """Print everything about it."""
    found = getattr(client, kind.noun).get(campaign_id)
    printing.document(found, as_json, lambda: kind.page(client, found, sys.maxsize))


def watch(client: "Client", here: "Connection", kind: Kind, campaign_id: str, as_json: bool) -> None:
    """Show it until it is over, then print it; a bad end has its exit code."""
    over = _watched(client, here, kind, campaign_id)
    printing.document(over, as_json, lambda: kind.page(client, over, sys.maxsize))
    if over.state in {"failed", "cancelled"}:
        raise typer.Exit(ExitCode.ENDED_BADLY)


def _watched(client: "Client", here: "Connection", kind: Kind, campaign_id: str) -> "Campaign":
    campaigns = getattr(client, kind.noun)
    with detachable(here, f"watch {campaign_id}", campaign_id), _view(client, kind) as view:
        while True:
            found = campaigns.get(campaign_id)
            if found.state != "running":
                return found
            view(found, _held_up(client, here, found))
            time.sleep(LOOK_SECONDS)


def _held_up(client: "Client", here: "Connection", campaign: "Campaign") -> str | None:
    """How its paused jobs go on, in words: it is not over before they are."""
    if not (paused := campaign.counts.paused):
        return None
    ids = [job.id for job in client.jobs("paused", limit=MOST_NAMED, campaign=campaign.id).data]
    if paused > MOST_NAMED:
        ids, listed = ["JOB..."], f" (ids: {here.command(f'ls --campaign {campaign.id} --state paused')})"
    else:
        listed = ""
    resumed = here.command(" ".join(("resume", *ids)))
    return f"It waits for {wording.counted(paused, 'paused job')}{listed}. To go on:  {resumed}"


@contextmanager
def _view(client: "Client", kind: Kind) -> Generator[View]:
    """A page that is drawn anew on a terminal; a line for each change where there is none."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    console = printing.stderr()
    with Live(console=console, transient=True, auto_refresh=False) as live:

        def draw(found: Any, held_up: str | None) -> None:
            hint = [Text(held_up, style=wording.STYLES["paused"])] if held_up else []
            live.update(Group(*hint, *kind.page(client, found, max(4, console.height - 6 - len(hint)))), refresh=True)

        yield draw


def _lines() -> View:
    said: list[str] = []

    def say(found: Any, held_up: str | None) -> None:
        line = sweep_page.counted(found.counts).plain
        if said[-1:] != [line]:
            said.append(line)
            printing.say(f"{found.id} {line}")
            if held_up:
                printing.say(held_up)

    return say
