"""Questions to the side queue, and their answers: predictions wait here for a process that can give them."""

import json
import secrets
from typing import Any

from unitscale.wire import doorbell
from unitscale.wire.keys import name
from unitscale.wire.store import Store

ANSWER_SECONDS = 60


class Questions:
    """Asks, and answers. The asker hears of the answer on the live channel, under the question's id."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def ask(self, job_id: str, question: dict[str, Any], lifetime_seconds: float) -> str:
        """Put a question about a job's model to the side queue; the question's id."""
        ask_id = "ask_" + secrets.token_hex(16)
        lifetime = int(lifetime_seconds * 1000)
        bell = doorbell.message(doorbell.ANSWER)
        await self._store.run("ask", ask_id, job_id, json.dumps(question), lifetime, bell)
        return ask_id

    async def answer_to(self, ask_id: str) -> dict[str, Any] | None:
        """The answer, if there is one yet."""
        [answer] = await self._store.read(("GET", name("answer", ask_id)))
        return json.loads(answer) if answer else None

    async def take(self, worker: str) -> tuple[str, dict[str, Any]] | None:
        """The oldest question that is still waited for and that this node can answer, taken by this caller alone."""
        taken = await self._store.run("take", worker)
        return (taken[0].decode(), json.loads(taken[1])) if taken else None

    async def answer(self, ask_id: str, answer: dict[str, Any]) -> None:
        """Give the answer; it lives a minute."""
        await self._store.run("answer", ask_id, json.dumps(answer), ANSWER_SECONDS)
