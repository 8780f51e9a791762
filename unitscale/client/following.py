"""Where a reader of a stream stands: what to ask for next, and when to give up."""

from dataclasses import dataclass, replace

import httpx2

from unitscale.client import answers, calls
from unitscale.client.calls import Call
from unitscale.client.retries import Outcome, Retries
from unitscale.models.events import Event

LARGEST_EVENT_BYTES = 64 * 2**20
PATIENCE = 3
"""A follower outlasts this many times more failures in a row than a single request: the service may be restarting."""


@dataclass
class Reader:
    """Follows one job's events over as many connections as it takes."""

    job_id: str
    retries: Retries
    after: str | None = None
    ended: bool = False
    failures: int = 0

    def __post_init__(self) -> None:
        self.retries = replace(self.retries, tries=PATIENCE * self.retries.tries)

    def call(self) -> Call[None]:
        """Ask for everything after the last event seen."""
        return calls.stream(self.job_id, self.after)

    def take(self, sse: httpx2.ServerSentEvent) -> Event | None:
        """The event, with the bookmark moved behind it; None for what carries nothing."""
        self.failures = 0
        if not sse.data:
            return None
        event = answers.event(sse)
        self.after = event.id or self.after
        self.ended = event.type == "end"
        return event

    def broken(self, outcome: Outcome, url: str) -> float:
        """Seconds to wait before the next connection. Raises the outcome's error when there is to be none."""
        self.failures += 1
        if isinstance(outcome, httpx2.Response) and outcome.is_success:
            outcome = httpx2.ReadError("the stream stopped before the job ended")
        pause = self.retries.pause(outcome, self.failures, repeatable=True)
        if pause is None:
            answers.accepted(outcome, url)
        return pause or 0.0
