"""A page of a list."""

from typing import Generic, TypeVar

from unitscale.models.document import Answer

T = TypeVar("T")


class Page(Answer, Generic[T]):
    """Some of a list, and where the next page starts."""

    data: tuple[T, ...]
    has_more: bool = False
    next_cursor: str | None = None
