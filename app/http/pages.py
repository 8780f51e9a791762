"""Pages of a list that is short enough to be read whole."""

from collections.abc import Sequence

from unitscale.errors import Malformed
from unitscale.models.keys import Key
from unitscale.models.pages import Page


def page_of_keys(keys: Sequence[Key], limit: int, cursor: str | None) -> Page[Key]:
    """The keys after the one that the cursor names. Raises Malformed when there is none such."""
    first = 0 if cursor is None else _after(keys, cursor)
    shown = tuple(keys[first : first + limit])
    more = len(keys) > first + limit
    return Page(data=shown, has_more=more, next_cursor=shown[-1].id if more else None)


def _after(keys: Sequence[Key], cursor: str) -> int:
    for number, key in enumerate(keys):
        if key.id == cursor:
            return number + 1
    raise Malformed("The cursor names no key that is there.", (("?cursor", "Start again without it."),))
