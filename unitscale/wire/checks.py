"""Checks of data sets as workers hold them: each has a lease, so that one whose checker is lost is taken by another."""

from dataclasses import dataclass

from unitscale.models.datasets import Contents, DatasetState
from unitscale.models.jobs import Reason
from unitscale.models.specs import TaskName
from unitscale.wire import doorbell
from unitscale.wire.reading import text
from unitscale.wire.store import Store

TRIES = 3
LOST = Reason(
    code="bad_dataset",
    message=f"Its check was lost {TRIES} times: the worker may lack memory or disk for it; its log says more.",
)


@dataclass(frozen=True)
class Check:
    """A data set that a worker is to check. `token` says which try this is; 0: no more, it was given up."""

    dataset: str
    token: int
    task: TaskName
    format: str
    target: str | None
    sha256: str


class Checks:
    """Takes checks, holds them, and puts down what they found."""

    def __init__(self, store: Store, lease_seconds: float) -> None:
        self._store = store
        self._lease = int(lease_seconds * 1000)

    async def take(self) -> Check | None:
        """The data set that waits longest, held by this caller alone."""
        taken = await self._store.run("check", self._lease, TRIES, LOST.model_dump_json())
        if not taken:
            return None
        dataset, token, task, form, target, sha256 = taken
        return Check(text(dataset), int(token), TaskName(text(task)), text(form), text(target) or None, text(sha256))

    async def hold(self, check: Check) -> bool:
        """Prolong the lease; False when it was lost."""
        return await self._store.run("hold", check.dataset, check.token, self._lease) == b"held"

    async def leave(self, check: Check) -> None:
        """Give a check back: another worker begins it anew."""
        await self._store.run("leave", check.dataset, check.token, doorbell.message(doorbell.ANSWER))

    async def ready(self, check: Check, contents: Contents) -> str:
        """Say that jobs can train on it: `done`, or `lost` where a newer check holds it, or `gone`."""
        return await self._put(check, DatasetState.READY, "", contents.model_dump_json())

    async def invalid(self, check: Check, reason: Reason) -> str:
        """Say why jobs cannot train on it: `done`, `lost` or `gone`."""
        return await self._put(check, DatasetState.INVALID, reason.model_dump_json(), "")

    async def _put(self, check: Check, state: DatasetState, *found: str) -> str:
        return text(await self._store.run("checked", check.dataset, check.token, state.value, *found))
