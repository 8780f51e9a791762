"""Sweeps, studies and transfers, said in Python: begun, read, waited for, called off, in both colours."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

from unitscale.client import calls
from unitscale.client.calls import Call
from unitscale.models.campaigns import OVER, Campaign
from unitscale.models.document import Document
from unitscale.models.pages import Page

C = TypeVar("C", bound=Campaign)
S = TypeVar("S", bound=Document)


class Campaigns(Generic[C, S]):
    """Campaigns of one kind, for code that waits."""

    def __init__(self, send: Callable[[Call[Any]], Any], noun: str, kind: type[C]) -> None:
        self._send, self._noun, self._kind = send, noun, kind

    def begin(self, spec: S | Mapping[str, object], idempotency_key: str | None = None) -> C:
        """Hand it in. Sent again after a lost answer, it is still one."""
        return self._send(calls.begin(self._noun, self._kind, spec, idempotency_key))

    def get(self, campaign_id: str, wait_seconds: int | None = None) -> C:
        """It as it stands; with `wait_seconds` (at most 60), once it is over or that time is."""
        return self._send(calls.campaign(self._noun, self._kind, campaign_id, wait_seconds))

    def wait(self, campaign_id: str) -> C:
        """It, once it is over."""
        while (found := self.get(campaign_id, calls.HOLD_SECONDS)).state not in OVER:
            pass
        return found

    def page(self, limit: int | None = None, cursor: str | None = None) -> Page[C]:
        """A page of them, newest first."""
        return self._send(calls.campaigns(self._noun, self._kind, limit, cursor))

    def cancel(self, campaign_id: str) -> C:
        """Call it off with all of its jobs."""
        return self._send(calls.call_off(self._noun, self._kind, campaign_id))


class AsyncCampaigns(Generic[C, S]):
    """Campaigns of one kind, for code that awaits."""

    def __init__(self, send: Callable[[Call[Any]], Awaitable[Any]], noun: str, kind: type[C]) -> None:
        self._send, self._noun, self._kind = send, noun, kind

    async def begin(self, spec: S | Mapping[str, object], idempotency_key: str | None = None) -> C:
        """Hand it in. Sent again after a lost answer, it is still one."""
        return await self._send(calls.begin(self._noun, self._kind, spec, idempotency_key))

    async def get(self, campaign_id: str, wait_seconds: int | None = None) -> C:
        """It as it stands; with `wait_seconds` (at most 60), once it is over or that time is."""
        return await self._send(calls.campaign(self._noun, self._kind, campaign_id, wait_seconds))

    async def wait(self, campaign_id: str) -> C:
        """It, once it is over."""
        while (found := await self.get(campaign_id, calls.HOLD_SECONDS)).state not in OVER:
            pass
        return found

    async def page(self, limit: int | None = None, cursor: str | None = None) -> Page[C]:
        """A page of them, newest first."""
        return await self._send(calls.campaigns(self._noun, self._kind, limit, cursor))

    async def cancel(self, campaign_id: str) -> C:
        """Call it off with all of its jobs."""
        return await self._send(calls.call_off(self._noun, self._kind, campaign_id))
