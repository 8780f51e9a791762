"""What a data set may weigh once it is unpacked, and the least that can be divided into three splits."""

from collections.abc import Sequence

MOST_BYTES = 4 * 2**30
"""Of tensors: they are prepared, and trained on, in memory."""
FEWEST = 10
"""Examples, of which no two are equal."""
LONGEST_NAME = 200
"""Characters of a column's or a class's name: the record of the data set holds them all."""
MOST_CLASSES = 10_000


def few(names: Sequence[str]) -> str:
    """The first of these names."""
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
