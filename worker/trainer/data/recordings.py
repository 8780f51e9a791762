"""Recordings as examples: features, and the letters that were said.  N examples, F frames, M bands, L letters."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from worker.trainer.data.mels import BANDS, FRAMES_A_SECOND
from worker.trainer.data.waves import LONGEST_SECONDS

MOST_FRAMES = round(LONGEST_SECONDS * FRAMES_A_SECOND)
NOTHING = -1
"""Stands behind the letters of a text that is shorter than the longest."""
FRAMES_A_LETTER = 3
"""A model looks at every third frame, and hears one letter in it at most."""


def laid(features: np.ndarray, frames: int) -> np.ndarray:
    """(F, M) → (`frames`, M + 1) in half precision: silence behind the end, and a last feature that is 1 before it."""
    row = np.zeros((frames, BANDS + 1), np.float16)
    row[: len(features), :BANDS] = features
    row[: len(features), BANDS] = 1
    return row


def spelled(texts: Sequence[str], alphabet: Sequence[str]) -> np.ndarray:
    """(N, L) places in the alphabet, −1 behind each text."""
    places = {letter: place for place, letter in enumerate(alphabet)}
    rows = np.full((len(texts), max(map(len, texts))), NOTHING, np.int16)
    for row, text in zip(rows, texts, strict=True):
        row[: len(text)] = [places[letter] for letter in text]
    return rows


def fits(text: str, frames: int) -> bool:
    """Whether a text can be heard in so many frames: equal neighbours need a pause between them."""
    needed = len(text) + sum(one == other for one, other in pairwise(text))
    return needed <= -(-frames // FRAMES_A_LETTER)
