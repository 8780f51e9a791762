"""What is new, as it happens: one subscription a process, fanned out to everyone here who waits.

A notification carries no news, it only says that there is some; so one that was lost delays a reader until the next
round, two seconds at most, and one that comes twice costs a read.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from redis.asyncio import Redis

from unitscale.errors import StoreAway
from unitscale.wire.keys import LIVE
from unitscale.wire.store import away

ROUND_SECONDS = 2.0
RECONNECT_SECONDS = 0.2


class Topic:
    """A job or a question that someone here waits for."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        """Set when there is news; then another takes its place. Take it before you read, await it after."""
        self.readers = 0

    def tell(self) -> None:
        """Wake everyone who waits."""
        self.news.set()
        self.news = asyncio.Event()


class Live:
    """Tells readers of topics when to read again."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._topics: dict[str, Topic] = {}

    @contextmanager
    def watch(self, name: str) -> Generator[Topic]:
        """The topic, for as long as the reader stays."""
        topic = self._topics.setdefault(name, Topic())
        topic.readers += 1
        try:
            yield topic
        finally:
            topic.readers -= 1
            if not topic.readers:
                del self._topics[name]

    async def run(self) -> None:
        """Listen until cancelled, whatever becomes of the connection."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rounds())
            group.create_task(self._listen())

    async def _rounds(self) -> None:
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            self._tell_all()

    async def _listen(self) -> None:
        while True:
            try:
                with away():
                    await self._hear()
            except StoreAway:
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _hear(self) -> None:
        pubsub: Any = self._redis.pubsub()  # pyright: ignore[reportUnknownMemberType]  # **kwargs untyped
        async with pubsub:
            await pubsub.subscribe(LIVE)
            self._tell_all()
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=ROUND_SECONDS)
                if message and (topic := self._topics.get(message["data"].decode())):
                    topic.tell()

    def _tell_all(self) -> None:
        for topic in list(self._topics.values()):
            topic.tell()


async def heard(news: asyncio.Event, seconds: float) -> bool:
    """Whether there was news before the time was up."""
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return False
    return True
