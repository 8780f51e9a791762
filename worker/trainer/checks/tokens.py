"""Text as tokens on disk, written piece by piece: the places of its characters in its own alphabet.  N characters."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from unitscale.errors import BadDataset

MOST_CHARACTERS = 2**15 - 1
BYTE = 256


class Alphabet:
    """The different characters of a text, gathered as it passes by."""

    def __init__(self) -> None:
        self._seen = np.zeros(sys.maxunicode + 1, bool)
        self.length = self.lines = 0
        self.blank = True

    def take(self, piece: str) -> None:
        """Take in the next piece of the text."""
        self._seen[code_points(piece)] = True
        self.length += len(piece)
        self.lines += piece.count("\n")
        self.blank = self.blank and not piece.strip()

    def characters(self) -> np.ndarray:
        """Code points in their order. Raises BadDataset when there are too many to tell apart."""
        found = np.flatnonzero(self._seen).astype("<i4")
        if len(found) > MOST_CHARACTERS:
            raise BadDataset(f"It has {len(found):,} different characters; {MOST_CHARACTERS:,} can be told apart.")
        return found


def code_points(piece: str) -> np.ndarray:
    """(N,)"""
    return np.frombuffer(piece.encode("utf-32-le"), "<u4")


def write_tokens(alphabet: Alphabet, pieces: Iterable[str], to: Path) -> None:
    """Write `tokens` and `alphabet` as safetensors, whose own writer would need all of them in memory at once."""
    characters = alphabet.characters()
    kind, name = (np.dtype("u1"), "U8") if len(characters) <= BYTE else (np.dtype("<i2"), "I16")
    places = np.zeros(sys.maxunicode + 1, kind)
    places[characters] = np.arange(len(characters))
    with to.open("xb") as file:
        file.write(_header(len(characters), alphabet.length, name, kind.itemsize))
        file.write(characters.tobytes())
        for piece in pieces:
            file.write(places[code_points(piece)].tobytes())


def _header(characters: int, length: int, name: str, width: int) -> bytes:
    """The format's own: eight bytes of length, then JSON, padded with spaces."""
    ends = (4 * characters, 4 * characters + length * width)
    tensors = {
        "alphabet": {"dtype": "I32", "shape": [characters], "data_offsets": [0, ends[0]]},
        "tokens": {"dtype": name, "shape": [length], "data_offsets": list(ends)},
    }
    header = json.dumps(tensors).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header
