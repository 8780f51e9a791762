"""Files that lie in their place whole or not at all, on file systems with hard links and without."""

import os
from collections.abc import Callable
from pathlib import Path

Link = Callable[[Path, Path], None]


def linked(known: Path, place: Path, link: Link = os.link) -> bool:
    """Give a file another name; False where it is not there, the name is taken, or there are no hard links."""
    try:
        link(known, place)
    except OSError:
        return False
    return True


def put_first(part: Path, place: Path, link: Link = os.link) -> None:
    """Put a whole file in its place, unless one lies there; the part is gone either way.

    Without hard links, of two who come at the same moment the second may win: who reads the place then has that one.
    """
    if not linked(part, place, link) and not place.exists():
        part.rename(place)
    part.unlink(missing_ok=True)
