"""Data goes to stdout, everything said about it to stderr."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.text import Text

if TYPE_CHECKING:
    from pydantic import BaseModel

PIPED_WIDTH = 200
"""Columns of a table that no terminal limits."""


def stdout() -> Console:
    """For data. What users wrote is never read as markup."""
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Console(width=width, markup=False, highlight=False, emoji=False)


def stderr() -> Console:
    """For progress, hints and complaints."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def show(*renderables: RenderableType) -> None:
    """Print data for people."""
    console = stdout()
    for number, each in enumerate(renderables):
        if number:
            console.print()
        console.print(each)


def write(text: str) -> None:
    """Print data for programs: no wrapping, no colour."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def write_json(document: "BaseModel") -> None:
    """Print a document as the API sent it."""
    write(document.model_dump_json(indent=2))


def document(answer: "BaseModel", as_json: bool, drawn: Callable[[], Sequence[RenderableType]]) -> None:
    """Print a document, for programs or for people."""
    if as_json:
        write_json(answer)
    else:
        show(*drawn())


def documents(answers: "Iterable[BaseModel]", as_json: bool, drawn: Callable[[], Sequence[RenderableType]]) -> None:
    """Print a list, for programs or for people."""
    if as_json:
        data = [each.model_dump(mode="json") for each in answers]
        write(json.dumps({"data": data}, indent=2, ensure_ascii=False))
    else:
        show(*drawn())


def say(text: str) -> None:
    """Print a hint."""
    stderr().print(Text(text, style="dim"), soft_wrap=True)


def complain(title: str, detail: str, fields: Iterable[str], next_step: str | None) -> None:
    """Print what went wrong, where, and what to do about it."""
    console = stderr()
    console.print(Text(title, style="bold red"), soft_wrap=True)
    for line in (*([detail] if detail else []), *(f"  {field}" for field in fields)):
        console.print(line, soft_wrap=True)
    if next_step:
        console.print(Text(next_step, style="dim"), soft_wrap=True)
