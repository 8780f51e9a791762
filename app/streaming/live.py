"""What is new, as it happens: one connection a process, subscribed to what someone here waits for.

A notification carries no news, it only says that there is some; so one that was lost delays a reader until the next
round, two seconds at most, and one that comes twice costs a read.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

from redis.asyncio import Redis

from unitscale.errors import StoreAway
from unitscale.wire.keys import name as channel
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
        self._pubsub: Any = redis.pubsub()  # pyright: ignore[reportUnknownMemberType]  # **kwargs untyped
        self._topics: dict[str, Topic] = {}
        self._changed: asyncio.Queue[str] = asyncio.Queue()
        """Topics that have got their first reader, or lost their last."""
        self._turn = asyncio.Lock()
        """Whose turn it is to subscribe: two at once would each make a connection."""

    @contextmanager
    def watch(self, name: str) -> Generator[Topic]:
        """The topic, for as long as the reader stays."""
        if name not in self._topics:
            self._topics[name] = Topic()
            self._changed.put_nowait(name)
        topic = self._topics[name]
        topic.readers += 1
        try:
            yield topic
        finally:
            topic.readers -= 1
            if not topic.readers:
                del self._topics[name]
                self._changed.put_nowait(name)

    async def run(self) -> None:
        """Listen until cancelled, whatever becomes of the connection."""
        async with self._pubsub, asyncio.TaskGroup() as group:
            for verb in (self._rounds, self._subscribe, self._listen):
                group.create_task(verb())

    async def _rounds(self) -> None:
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            self._tell_all()

    async def _subscribe(self) -> None:
        """Have the subscriptions follow the topics. One that fails is made by who connects anew."""
        while True:
            name = await self._changed.get()
            change = self._pubsub.subscribe if name in self._topics else self._pubsub.unsubscribe
            with suppress(StoreAway), away():
                async with self._turn:
                    await change(channel("live", name))

    async def _listen(self) -> None:
        while True:
            try:
                with away():
                    await self._hear()
            except StoreAway:
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _hear(self) -> None:
        """Wake who waits, also once it is subscribed: what came before that was told to nobody."""
        async with self._turn:
            await self._pubsub.subscribe(*(channel("live", name) for name in ("", *self._topics)))
        while True:
            message = await self._pubsub.get_message(timeout=ROUND_SECONDS)
            name = message["channel"].decode().removeprefix(channel("live", "")) if message else ""
            if topic := self._topics.get(name):
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
