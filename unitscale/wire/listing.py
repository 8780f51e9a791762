"""Lists of the record, newest first, in pages. A listing is a sorted set of ids, each at a number that only grows."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from unitscale.errors import Malformed
from unitscale.models.pages import Page
from unitscale.wire.reading import text
from unitscale.wire.store import Store

T = TypeVar("T")
Read = Callable[[Sequence[str]], Awaitable[Sequence[T | None]]]
"""What the record has under these ids, in their order; None for what is gone, or does not belong in the list."""

CHUNK = 200
MOST_SCANNED = 2_000
"""Entries that one page looks at: others have their turn however little a filter keeps."""


async def page(store: Store, listing: str, read: Read[T], limit: int, cursor: str | None) -> Page[T]:
    """Newest first. Where few of the entries looked at belong in the list, it is short, or empty, and there are more.

    Raises Malformed for a cursor that was not given out here.
    """
    last, kept = number_of(cursor), list[T]()
    scanned = 0
    async for number, found in entries(store, listing, read, limit + 1, last):
        if scanned == MOST_SCANNED or (found is not None and len(kept) == limit):
            return Page(data=tuple(kept), has_more=True, next_cursor=cursor_of(last or 0))
        last, scanned = number, scanned + 1
        if found is not None:
            kept.append(found)
    return Page(data=tuple(kept))


async def entries(
    store: Store, listing: str, read: Read[T], first: int = CHUNK, before: int | None = None
) -> AsyncIterator[tuple[int, T | None]]:
    """Every entry below a number with what is read of it; some more than the `first` few are read at a time."""
    size = min(first, CHUNK)
    while True:
        highest = "+inf" if before is None else f"({before}"
        span = ("BYSCORE", "REV", "LIMIT", 0, size, "WITHSCORES")
        [listed] = await store.read(("ZRANGE", listing, highest, "-inf", *span))
        found = await read([text(entry) for entry, _ in listed])
        for (_, number), each in zip(listed, found, strict=True):
            before = int(number)
            yield before, each
        if len(listed) < size:
            return
        size = CHUNK


def cursor_of(number: int) -> str:
    """What a list gives out to be continued behind this number."""
    return base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")


def number_of(cursor: str | None) -> int | None:
    """Where a list goes on. Raises Malformed."""
    if cursor is None:
        return None
    try:
        return int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise Malformed("The cursor was not given out here.", (("?cursor", "Take it from next_cursor."),)) from error
