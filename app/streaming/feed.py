"""A job as a stream: what happened and the points of its curves, from where the reader stopped.

The bookmark `1700-0.1200` covers both: the last event seen, and the step up to which points were seen. Past and
present come from the same record, so nothing is missed or repeated. Readers of one job who stand at the same place
share one read and one encoding: news costs one round, however many follow.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.streaming.frames import Bookmark, frames
from app.streaming.live import Live, Topic, heard
from unitscale.errors import StoreAway
from unitscale.models.jobs import ENDED, State
from unitscale.wire.events import START
from unitscale.wire.news import News

HEARTBEAT_SECONDS = 15.0
EVENTS_A_ROUND = 1000
HEARTBEAT = b": still here\n\n"
BEGINNING = Bookmark(START, 0)


@dataclass(frozen=True)
class Batch:
    """What is new after a bookmark, encoded; and where its reader stands then."""

    frames: tuple[bytes, ...]
    after: Bookmark
    over: bool
    """Nothing can follow: the job has ended, or is gone."""
    full: bool = False
    """There is more already."""


@dataclass(frozen=True)
class Round:
    """One shared read: of whom, from where, at which news."""

    topic: Topic
    news: asyncio.Event
    bookmark: Bookmark
    batch: "asyncio.Task[Batch]"


class Feed:
    """Follows jobs for readers."""

    def __init__(self, news: News, live: Live) -> None:
        self._news = news
        self._live = live
        self._rounds: dict[str, Round] = {}

    async def follow(self, job_id: str, bookmark: Bookmark) -> AsyncIterator[bytes]:
        """Everything after the bookmark, then everything new, until the job has ended."""
        with self._live.watch(job_id) as topic:
            try:
                over = False
                while not over:
                    news = topic.news
                    batch = await self._batch_or_none(job_id, topic, bookmark)
                    for frame in batch.frames if batch else ():
                        yield frame
                    if batch:
                        bookmark, over = batch.after, batch.over
                    if not over and not (batch and batch.full):
                        async for beat in _waited(news):
                            yield beat
            finally:  # a reader may leave at any point
                if topic.readers == 1:
                    self._rounds.pop(job_id, None)

    async def _batch_or_none(self, job_id: str, topic: Topic, bookmark: Bookmark) -> Batch | None:
        """The batch; None while the record is away: the stream stays open and goes on later."""
        try:
            return await self._batch(job_id, topic, bookmark)
        except StoreAway:
            return None

    async def _batch(self, job_id: str, topic: Topic, bookmark: Bookmark) -> Batch:
        shared = self._rounds.get(job_id)
        if not shared or (shared.topic, shared.news, shared.bookmark) != (topic, topic.news, bookmark):
            reading = asyncio.create_task(self._read(job_id, bookmark))
            shared = self._rounds[job_id] = Round(topic, topic.news, bookmark, reading)
        return await asyncio.shield(shared.batch)  # a reader who leaves does not take the others' read away

    async def _read(self, job_id: str, after: Bookmark) -> Batch:
        """Points and events of one moment: where the state is an end, the event that says so is among them."""
        packed, events = await self._news.after(job_id, after.step, after.entry, EVENTS_A_ROUND)
        if not packed.state:
            return Batch((), after, over=True)
        full = len(events) == EVENTS_A_ROUND
        ended = State(packed.state) in ENDED and not full
        encoded, reached = frames(packed, events, after, ended)
        return Batch(tuple(encoded), reached, over=ended, full=full)


async def _waited(news: asyncio.Event) -> AsyncIterator[bytes]:
    """Heartbeats until there is news."""
    while not await heard(news, HEARTBEAT_SECONDS):
        yield HEARTBEAT
