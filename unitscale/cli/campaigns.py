"""Sweeps, studies and transfers on the terminal: found by their ids, shown, watched until they are over."""

import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from rich.console import Group, RenderableType
from rich.live import Live

from unitscale.cli import printing, study_page, sweep_page, transfer_page
from unitscale.cli.exits import ExitCode
from unitscale.cli.live import detachable

if TYPE_CHECKING:
    from unitscale.cli.connection import Connection
    from unitscale.client import Client
    from unitscale.models.campaigns import Campaign

LOOK_SECONDS = 1.0


class Kind(NamedTuple):
    """How campaigns of one kind are reached and shown."""

    noun: str
    """What the client calls them: `client.sweeps`."""
    page: Callable[["Client", Any, int], Sequence[RenderableType]]
    """Everything about one, on so many lines at most."""


KINDS = {
    "sw": Kind("sweeps", sweep_page.page),
    "st": Kind("studies", study_page.page),
    "tr": Kind("transfers", transfer_page.page),
}
"""By what their ids begin with."""


def kind_of(some_id: str) -> Kind | None:
    """The kind of campaign that an id is of; None for a job's."""
    return KINDS.get(some_id.partition("_")[0])


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
            view(found)
            time.sleep(LOOK_SECONDS)


@contextmanager
def _view(client: "Client", kind: Kind) -> "Generator[Callable[[Any], None]]":
    """A page that is drawn anew on a terminal; a line for each change where there is none."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    console = printing.stderr()
    with Live(console=console, transient=True, auto_refresh=False) as live:

        def draw(found: Any) -> None:
            live.update(Group(*kind.page(client, found, max(4, console.height - 6))), refresh=True)

        yield draw


def _lines() -> "Callable[[Any], None]":
    said: list[str] = []

    def say(found: Any) -> None:
        line = sweep_page.counted(found.counts).plain
        if said[-1:] != [line]:
            said.append(line)
            printing.say(f"{found.id} {line}")

    return say
