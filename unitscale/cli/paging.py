"""The next page of a list: the same command again, from where this page ended."""

import shlex
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from unitscale.cli import printing
from unitscale.cli.connection import connection

if TYPE_CHECKING:
    from unitscale.models.pages import Page

T = TypeVar("T")


def filled(page_at: "Callable[[int, str | None], Page[T]]", limit: int, cursor: str | None) -> "Page[T]":
    """A page of so many, where there are so many: one answer may be short while there are more."""
    page = page_at(limit, cursor)
    found = page.data
    while page.has_more and len(found) < limit:
        page = page_at(limit - len(found), page.next_cursor)
        found += page.data
    return page.model_copy(update={"data": found})


def say_more(ctx: typer.Context, cursor: str | None) -> None:
    """How to get the next page, with every option that this one was asked for by; nothing where there is none."""
    if cursor is not None:
        words = " ".join((*_command(ctx), *_options(ctx), f"--cursor {cursor}"))
        printing.say(f"There are more:  {connection(ctx).command(words)}")


def _command(ctx: Any) -> tuple[str, ...]:
    """Its name without the program's: study ls."""
    return () if ctx.parent is None else (*_command(ctx.parent), ctx.info_name)


def _options(ctx: Any) -> Iterator[str]:
    for option in ctx.command.params:
        value = ctx.params.get(option.name)
        if option.name == "cursor" or value in (None, option.default, (), []):
            continue
        name = max(option.opts, key=len)
        yield from (f"{name} {shlex.quote(str(each))}" for each in (value if option.multiple else (value,)))
