"""The connection to Redis: atomic scripts by name, reads in one round trip, and one word for its absence."""

import hashlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,  # noqa: A004 redis-py's name
    NoScriptError,
    ReadOnlyError,
    TimeoutError,  # noqa: A004 redis-py's name
)

from unitscale.errors import StoreAway
from unitscale.models.jobs import NEXT
from unitscale.wire import keys
from unitscale.wire.rounds import Rounds

CONNECT_SECONDS = 2.0


def connect(url: str, timeout_seconds: float) -> Redis:
    """A client that never repeats a command by itself: a timed-out one may have run."""
    return Redis.from_url(  # pyright: ignore[reportUnknownMemberType]  # redis-py leaves **kwargs untyped
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=min(CONNECT_SECONDS, timeout_seconds),
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )


@contextmanager
def away() -> Generator[None]:
    """Turn every way in which Redis can be out of reach into StoreAway."""
    try:
        yield
    except (ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError, OSError) as error:
        raise StoreAway("The store cannot be reached; nothing was changed that you were not told of.") from error


class Store:
    """Runs scripts and reads. All of its methods raise StoreAway when Redis cannot be reached."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._rounds = Rounds(redis)

    async def run(self, script: str, *args: str | float | bytes) -> Any:
        """Run one of `scripts/*.lua` atomically. Each may be repeated: the second time changes nothing."""
        [answer] = await self.run_each(script, [args])
        return answer

    async def run_each(self, script: str, calls: Sequence[Sequence[str | float | bytes]]) -> list[Any]:
        """Run a script once for each of these, in this order and in one round trip. Each run is atomic by itself."""
        commands = [("EVALSHA", digest(script), 0, *args) for args in calls]
        with away():
            try:
                return await self._rounds.ask(commands)
            except NoScriptError:
                await self._rounds.ask([("SCRIPT LOAD", source(script))])
                return await self._rounds.ask(commands)

    async def read(self, *commands: tuple[str | int, ...]) -> list[Any]:
        """The answers to these commands, in one round trip."""
        with away():
            return await self._rounds.ask(commands)


@cache
def source(name: str) -> str:
    """A script with its prelude: the key names, the table of a job's life, and what several scripts share."""
    folder = resources.files("unitscale.wire") / "scripts"
    shared = (folder / "prelude.lua").read_text()
    return "\n".join((keys.lua(), _life(), shared, (folder / f"{name}.lua").read_text()))


@cache
def digest(name: str) -> str:
    """What Redis knows the script by."""
    return hashlib.sha1(source(name).encode(), usedforsecurity=False).hexdigest()


def _life() -> str:
    rows = (
        f"{state.value} = {{{', '.join(f'{following.value} = true' for following in sorted(after))}}}"
        for state, after in NEXT.items()
    )
    return f"local NEXT = {{{', '.join(rows)}}}"
