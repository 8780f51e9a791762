"""Divides examples into training, validation and test.  N examples.

Examples are ordered by a hash of their bytes: the same content is always divided alike, however its archive was packed
and whatever a job's seed is. Equal examples have equal hashes, so that they stand on one side.
"""

from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from unitscale.errors import BadDataset
from unitscale.models.datasets import Splits
from worker.trainer.checks.bounds import FEWEST

EXAM = 0.15
"""Share of the different examples in each of validation and test."""


class Arrays(NamedTuple):
    """Examples in their final order: training, validation, test."""

    inputs: np.ndarray
    targets: np.ndarray


def divided(inputs: np.ndarray, targets: np.ndarray) -> tuple[Arrays, Splits]:
    """The examples in their final order. Raises BadDataset when too few of them differ."""
    hashes = _hashes(inputs, targets)
    distinct, numbers = np.unique(hashes, return_inverse=True)
    if len(distinct) < FEWEST:
        raise BadDataset(f"Only {len(distinct)} of its {len(inputs)} rows differ; at least {FEWEST} are needed.")
    held_out = round(len(distinct) * EXAM)
    order = np.argsort(numbers, kind="stable")
    ends = np.searchsorted(numbers[order], (len(distinct) - 2 * held_out, len(distinct) - held_out))
    training, validation = int(ends[0]), int(ends[1] - ends[0])
    splits = Splits(training=training, validation=validation, test=len(inputs) - training - validation)
    return Arrays(np.ascontiguousarray(inputs[order]), np.ascontiguousarray(targets[order])), splits


def _hashes(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(N,) 64 bits of each example."""
    hashes = np.empty(len(inputs), np.uint64)
    for place, (row, target) in enumerate(zip(inputs, targets, strict=True)):
        digest = blake2b(row.tobytes() + target.tobytes(), digest_size=8).digest()
        hashes[place] = int.from_bytes(digest, "little")
    return hashes
