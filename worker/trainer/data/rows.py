"""Rows of texts as arrays: all their bytes in one, where each text ends in another.  N rows of C texts."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

Rows = Sequence[Sequence[str]]


def packed(rows: Rows) -> dict[str, np.ndarray]:
    """`text`, the UTF-8 of everything, and `ends` (N, C) of each text in it."""
    texts = [text.encode() for row in rows for text in row]
    ends = np.fromiter(accumulate(map(len, texts)), np.int64, len(texts))
    return {"text": np.frombuffer(b"".join(texts), np.uint8).copy(), "ends": ends.reshape(len(rows), -1)}


def tensors(rows: Rows) -> dict[str, Tensor]:
    """The same as tensors."""
    return {name: torch.from_numpy(array) for name, array in packed(rows).items()}


def unpacked(packed: Mapping[str, Tensor], first: int, end: int) -> Iterator[tuple[str, ...]]:
    """The rows from `first` up to `end`."""
    ends, start = packed["ends"], int(packed["ends"][first - 1, -1]) if first else 0
    for row in ends[first:end].tolist():
        texts = []
        for stop in row:
            texts.append(bytes(packed["text"][start:stop].numpy()).decode())
            start = stop
        yield tuple(texts)
