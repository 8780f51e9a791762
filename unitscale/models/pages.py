"""A page of a list."""

from typing import Generic, TypeVar

from unitscale.models.document import Answer

T = TypeVar("T")


class Page(Answer, Generic[T]):
    """Some of a list, and where the next page starts."""

    data: tuple[T, ...]
    """A filter that keeps little makes it short, or empty, while there are more."""
    has_more: bool = False
    next_cursor: str | None = None
