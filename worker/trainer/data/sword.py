"""SWORD modules: the verses of a compressed text, in the order of its versification."""

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SLOT = np.dtype([("block", "<u4"), ("offset", "<u4"), ("length", "<u2")])
BLOCK = np.dtype([("start", "<u4"), ("bytes", "<u4"), ("raw_bytes", "<u4")])
PARTS = ("ot", "nt")
ASIDE = re.compile(r"<(title|note)\b[^>]*?(?:/>|>.*?</\1>)", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
PILCROW = "¶"


def verses(folder: Path) -> list[str]:
    """The text of each slot, empty where there is none. Modules of one versification have the same slots."""
    return [_plain(raw) for part in PARTS for raw in _slots(folder, part)]


def _slots(folder: Path, part: str) -> Iterator[str]:
    packed = (folder / f"{part}.bzz").read_bytes()
    places = np.fromfile(folder / f"{part}.bzs", BLOCK).tolist()
    blocks = [zlib.decompress(packed[start : start + size]) for start, size, _ in places]
    for block, offset, length in np.fromfile(folder / f"{part}.bzv", SLOT).tolist():
        yield blocks[block][offset : offset + length].decode() if length else ""


def _plain(raw: str) -> str:
    """Without titles, notes, markup and marks of paragraphs."""
    return " ".join(TAG.sub("", ASIDE.sub("", raw)).replace(PILCROW, "").split())
