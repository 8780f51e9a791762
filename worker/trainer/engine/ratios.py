"""Ratios: one mean over another, and how far it may be off.  M measurements."""

from collections.abc import Sequence
from math import inf, sqrt
from typing import NamedTuple

FEWEST = 4
"""Measurements that an interval needs."""
NORMAL = 1.959964
"""The normal distribution's 97.5 % quantile."""


class Ratio(NamedTuple):
    """A ratio of means with its 95 % interval; infinite where the lower mean cannot be told from zero."""

    value: float
    low: float
    high: float


def ratio(pairs: Sequence[tuple[float, float]]) -> Ratio:
    """Mean of the first numbers over the mean of the second.

    A mean of ratios would be biased, and an interval symmetric about the ratio too short where the lower mean is noisy:
    this is Fieller's, of every ρ ≥ 0 for which the mean of s − ρg is not significantly other than zero,

        (s̄ − ρḡ)² ≤ t² var(s − ρg) / M.
    """
    upper, lower = (sum(numbers) / len(pairs) for numbers in zip(*pairs, strict=True))
    value = upper / lower if lower > 0 else inf
    if len(pairs) < FEWEST:
        return Ratio(value, 0.0, inf)
    return Ratio(value, *_interval(pairs, upper, lower))


def _interval(pairs: Sequence[tuple[float, float]], upper: float, lower: float) -> tuple[float, float]:
    """The roots of aρ² − 2bρ + c, between which (a > 0) or beyond the greater of which the plausible ratios lie."""
    count = len(pairs)
    share = student(count - 1) ** 2 / count / (count - 1)
    a = lower**2 - share * sum((g - lower) ** 2 for _, g in pairs)
    b = upper * lower - share * sum((s - upper) * (g - lower) for s, g in pairs)
    c = upper**2 - share * sum((s - upper) ** 2 for s, _ in pairs)
    root = sqrt(max(0.0, b * b - a * c))
    if a > 0 and lower > 0:
        return max(0.0, (b - root) / a), max(0.0, (b + root) / a)
    if b * b < a * c or a >= 0:
        return 0.0, inf
    return max(0.0, (b - root) / a), inf


def student(freedom: int) -> float:
    """Student's 97.5 % quantile, by Cornish and Fisher's series: within 1 % from 3 degrees of freedom on."""
    z = NORMAL
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
