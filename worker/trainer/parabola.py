"""A parabola through losses at learning rates: where it is lowest."""

from collections.abc import Mapping
from math import isfinite

import numpy as np

Losses = Mapping[float, float]
"""log2 of a rate → its loss; infinite where it diverged."""
NEAR = 1.0
"""Octaves from the best rate to those that the parabola goes through, too."""
SLACK = 1e-6


def edge(losses: Losses) -> int:
    """On which side the best rate is the last that was tried: −1, 1, or 0 where it is none."""
    best = min(losses, key=lambda rate: (losses[rate], rate))
    return -1 if best == min(losses) else 1 if best == max(losses) else 0


def vertex(losses: Losses) -> float | None:
    """log2 of the rate where the parabola, by least squares, is lowest, no further from the best than those it goes
    through; the best itself where they bend the other way. None where every rate diverged."""
    best = min(losses, key=lambda rate: (losses[rate], rate))
    if not isfinite(losses[best]):
        return None
    near = [rate for rate, loss in losses.items() if abs(rate - best) < NEAR + SLACK and isfinite(loss)]
    if len(near) < 3 or edge(losses):
        return best
    curvature, slope, _ = np.polyfit([rate - best for rate in near], [losses[rate] for rate in near], 2)
    if curvature <= 0:
        return best
    return best + float(np.clip(-slope / (2 * curvature), -NEAR / 2, NEAR / 2))
