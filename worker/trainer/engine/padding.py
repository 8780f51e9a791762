"""Padding: feature sizes are multiples of 8, so that matrix products pick the same kernel for one lane as for many.

Seen on CPU: with a side that is no multiple of 8 the lanes of a batched product differed in the last bit from the same
products alone. Sums of products that are written out do not: `models/linear.py` pads nothing. Rows of weights are
multiples of 32 (two vectors of 16): elementwise kernels treat a ragged tail apart.
"""

import torch
from torch.nn import functional

SIDE = 8
ROW = 32


def up(size: int, multiple: int = SIDE) -> int:
    """The smallest multiple that holds `size`."""
    return -(-size // multiple) * multiple


def pad_features(tensor: torch.Tensor, side: int) -> torch.Tensor:
    """`tensor` with zeros after its last axis, up to a multiple of `side`."""
    missing = up(tensor.shape[-1], side) - tensor.shape[-1]
    return functional.pad(tensor, (0, missing)) if missing else tensor
