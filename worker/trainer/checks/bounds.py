"""What a data set may weigh once it is unpacked, and the least that can be divided into three splits."""

import re
from collections.abc import Sequence

from unitscale.errors import BadDataset

MOST_BYTES = 4 * 2**30
"""Of tensors: they are prepared, and trained on, in memory."""
MOST_RATIO = 200
HARMLESS_BYTES = 64 * 2**20
"""What is smaller once unpacked may be packed as tightly as it likes."""
FEWEST = 10
"""Examples, of which no two are equal."""
LONGEST_NAME = 200
"""Characters of a column's or a class's name: the record of the data set holds them all."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
MOST_CLASSES = 10_000


def check_ratio(unpacked: int, packed: int, most: int = MOST_RATIO) -> None:
    """Raises BadDataset for what would unpack to more than `most` times its size."""
    if unpacked > HARMLESS_BYTES and unpacked > most * packed:
        times = f"{unpacked // max(1, packed):,} times its size: a bomb. {most} times are the most"
        raise BadDataset(f"It unpacks to {unpacked:,} bytes, {times}.")


def check_name(what: str, name: str) -> None:
    """Raises BadDataset for a name that no record has room for, or that no terminal should be shown."""
    if len(name) > LONGEST_NAME:
        raise BadDataset(f"The name of {what} '{name[:60]}…' is longer than {LONGEST_NAME} characters.")
    if CONTROL.search(name):
        raise BadDataset(f"The name of {what} {name!r} has a character that cannot be seen; rename it.")


def few(names: Sequence[str]) -> str:
    """The first of these names."""
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
