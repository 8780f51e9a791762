"""When a request is sent again, and how long that waits."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2

Outcome = httpx2.Response | httpx2.RequestError

BUSY = frozenset({429, 502, 503, 504})
UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
HOPELESS = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.SSEError)


@dataclass(frozen=True)
class Retries:
    """Up to `tries` times in all, waiting twice as long each time, or as long as `Retry-After` says."""

    tries: int = 5
    first_seconds: float = 0.25
    longest_seconds: float = 30.0
    """A `Retry-After` beyond this is not waited for: the answer is handed on."""
    chance: Callable[[], float] = field(default=random.random, repr=False)

    def pause(self, outcome: Outcome, tried: int, repeatable: bool) -> float | None:
        """Seconds to wait before trying again, or None: this is the outcome to have."""
        if tried >= self.tries or not _passing(outcome, repeatable):
            return None
        wait = self.backoff(tried)
        if isinstance(outcome, httpx2.Response):
            wait = max(wait, _asked_for(outcome))
        return wait if wait <= self.longest_seconds else None

    def backoff(self, tried: int) -> float:
        """Half to all of first · 2^(tried−1): clients that failed together do not come back together."""
        full = min(self.first_seconds * 2.0 ** min(tried - 1, 30), self.longest_seconds)
        return full * (0.5 + 0.5 * self.chance())


def _passing(outcome: Outcome, repeatable: bool) -> bool:
    """Whether trying again may help and can do no harm."""
    if isinstance(outcome, httpx2.Response):
        quota = outcome.status_code == 429 and "Retry-After" not in outcome.headers  # waits for a job to end
        return repeatable and outcome.status_code in BUSY and not quota
    return isinstance(outcome, UNSENT) or (repeatable and not isinstance(outcome, HOPELESS))


def _asked_for(response: httpx2.Response) -> float:
    seconds = response.headers.get("Retry-After", "")
    return float(seconds) if seconds.isdecimal() else 0.0
