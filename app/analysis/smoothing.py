"""Smoothing: the debiased exponential mean of a curve, at full resolution.  N points, B of them in a block.

    s_t = Σ_{i ≤ t} w^(t−i) v_i  /  Σ_{i ≤ t} w^(t−i)

Its sums are taken block by block as products with a triangle of powers, and the ends of the blocks by the same rule
again: a loop over points in Python takes a hundred times as long.
"""

import numpy as np
from numpy.typing import NDArray

BLOCK = 64
Floats = NDArray[np.float64]


def smoothed(values: Floats, weight: float | None) -> Floats:
    """(N,) → (N,). What is no number stays so, and weighs nothing elsewhere."""
    if not weight:
        return values
    known = np.isfinite(values)
    count = np.arange(1, np.count_nonzero(known) + 1)
    means = np.full_like(values, np.nan)
    means[known] = _decayed_sums(values[known], weight) * (1 - weight) / -np.expm1(count * np.log(weight))
    return means


def _decayed_sums(values: Floats, weight: float) -> Floats:
    """(N,) r_t = w r_{t−1} + v_t."""
    count = len(values)
    if count <= 1:
        return values
    blocks = np.zeros((-(-count // BLOCK), BLOCK))
    blocks.flat[:count] = values
    ages = np.arange(BLOCK)
    triangle = np.tril(weight ** np.maximum(ages[:, None] - ages, 0))
    sums = blocks @ triangle.T
    before = _decayed_sums(sums[:, -1], weight**BLOCK)[:-1]
    sums[1:] += before[:, None] * weight ** (1 + ages)
    return sums.flat[:count]
