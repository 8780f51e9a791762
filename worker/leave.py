"""Hearing that a worker is to leave."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heard(descriptor: int) -> Iterator[asyncio.Event]:
    """Set once the descriptor is readable: the worker is to leave, or its main process is gone."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        loop.remove_reader(descriptor)
        told.set()

    loop.add_reader(descriptor, tell)
    try:
        yield told
    finally:
        loop.remove_reader(descriptor)
