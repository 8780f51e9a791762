"""The forms that a law can have, each a smooth function of logarithms.

M laws side by side, P numbers of each, S points.   n = log N − n̄,   d = log D − d̄,   y = log L

Taken from their means, n and d say little of each other's factors: the height of a term and its exponent are then found
almost apart, where log A and α of the raw form can hardly be told from each other.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

LEAST_EXPONENT, GREATEST_EXPONENT = 0.005, 3.0
LEAST_SHARE = 7.0
"""A term is kept above exp(−7), a thousandth, of the least loss: below it points with any noise know nothing of it."""


class Centre(NamedTuple):
    """The means that n and d are taken from."""

    n: float
    d: float


class Form(Protocol):
    """What a law is made of. `law` is (M, P); what comes out of it is (M,) or (M, S)."""

    names: tuple[str, ...]
    """Of the published numbers, in the order of `published`."""
    exponents: tuple[int, ...]
    """Which of the P are exponents."""
    terms: tuple[str, ...]
    """Of the first of the P: which of the published numbers says how large that term is. log L has each term's share as
    its gradient there."""

    def slopes(self, law: Numbers, n: Numbers, d: Numbers) -> tuple[Numbers, Numbers]:
        """log L (M, S), and its gradient by each of the P numbers (M, P, S), at n and d: (S,) or (M, S)."""
        ...

    def box(self, y: Numbers) -> tuple[Numbers, Numbers]:
        """The least and the greatest that each of the P may be, for such losses."""
        ...

    def starts(self, y: Numbers) -> Numbers:
        """A grid of laws to start from (M, P)."""
        ...

    def published(self, law: Numbers, centre: Centre) -> Numbers:
        """The numbers as papers give them (M, names)."""
        ...

    def optimum(self, law: Numbers, compute: float) -> tuple[Numbers, Numbers]:
        """n and d (M,) at which 6·N·D FLOP buy the least loss; `compute` is log(FLOP / 6) − n̄ − d̄."""
        ...


class Chinchilla:
    """L = E + A/N^α + B/D^β; here log L = log(exp(a − αn) + exp(b − βd) + exp e).

    law = (a, b, e, α, β). Source: arXiv:2203.15556, approach 3.
    """

    names: tuple[str, ...] = ("E", "A", "B", "alpha", "beta")
    exponents: tuple[int, ...] = (3, 4)
    terms: tuple[str, ...] = ("A", "B", "E")

    def slopes(self, law: Numbers, n: Numbers, d: Numbers) -> tuple[Numbers, Numbers]:
        a, b, e, alpha, beta = law.T[:, :, None]
        u, v = a - alpha * n, b - beta * d
        top = np.maximum(np.maximum(u, v), e)
        u, v, w = np.exp(u - top), np.exp(v - top), np.exp(e - top)
        total = u + v + w
        u, v, w = u / total, v / total, w / total
        return top + np.log(total), np.stack([u, v, w, -n * u, -d * v], axis=1)

    def box(self, y: Numbers) -> tuple[Numbers, Numbers]:
        low, high = y.min() - LEAST_SHARE, y.max() + 1
        least = [low, low, low, LEAST_EXPONENT, LEAST_EXPONENT]
        return np.array(least), np.array([high, high, y.min(), GREATEST_EXPONENT, GREATEST_EXPONENT])

    def starts(self, y: Numbers) -> Numbers:
        exponents = (0.1, 0.3, 0.6, 1.2)
        grid = np.array(np.meshgrid((0.2, 0.5, 0.8), (0.05, 0.5, 0.9), exponents, exponents)).reshape(4, -1)
        split, floor, alpha, beta = grid
        e = y.min() + np.log(floor)
        rest = np.exp(np.median(y)) - np.exp(e)
        return np.stack([np.log(split * rest), np.log((1 - split) * rest), e, alpha, beta], axis=1)

    def published(self, law: Numbers, centre: Centre) -> Numbers:
        a, b, e, alpha, beta = law.T
        return np.stack([np.exp(e), np.exp(a + alpha * centre.n), np.exp(b + beta * centre.d), alpha, beta], axis=1)

    def optimum(self, law: Numbers, compute: float) -> tuple[Numbers, Numbers]:
        """Where αA/N^α = βB/D^β."""
        a, b, _, alpha, beta = law.T
        n = (a + np.log(alpha) - b - np.log(beta) + beta * compute) / (alpha + beta)
        return n, compute - n


class Kaplan:
    """L = ((N_c/N)^(α_N/α_D) + D_c/D)^α_D; here log L = α_D · log(exp((s − α_N n)/α_D) + exp((t − α_D d)/α_D)).

    law = (s, t, α_N, α_D), where exp s and exp t are the losses at the means with endless data, and with an endless
    model. Source: arXiv:2001.08361, equation 1.5.
    """

    names: tuple[str, ...] = ("N_c", "D_c", "alpha_N", "alpha_D")
    exponents: tuple[int, ...] = (2, 3)
    terms: tuple[str, ...] = ("N_c", "D_c")

    def slopes(self, law: Numbers, n: Numbers, d: Numbers) -> tuple[Numbers, Numbers]:
        s, t, of_n, of_d = law.T[:, :, None]
        u, v = (s - of_n * n) / of_d, t / of_d - d
        top = np.maximum(u, v)
        p, q = np.exp(u - top), np.exp(v - top)
        total = p + q
        p, q, joined = p / total, q / total, top + np.log(total)
        return of_d * joined, np.stack([p, q, -n * p, joined - p * u - q * (v + d)], axis=1)

    def box(self, y: Numbers) -> tuple[Numbers, Numbers]:
        low, high = y.min() - LEAST_SHARE, y.max() + 1
        least = [low, low, LEAST_EXPONENT, LEAST_EXPONENT]
        return np.array(least), np.array([high, high, GREATEST_EXPONENT, GREATEST_EXPONENT])

    def starts(self, y: Numbers) -> Numbers:
        below, exponents = (0.0, 0.1, 0.5), (0.03, 0.08, 0.2, 0.5)
        grid = np.array(np.meshgrid(below, below, exponents, exponents)).reshape(4, -1)
        return np.stack([np.median(y) - grid[0], np.median(y) - grid[1], grid[2], grid[3]], axis=1)

    def published(self, law: Numbers, centre: Centre) -> Numbers:
        s, t, of_n, of_d = law.T
        return np.stack([np.exp(s / of_n + centre.n), np.exp(t / of_d + centre.d), of_n, of_d], axis=1)

    def optimum(self, law: Numbers, compute: float) -> tuple[Numbers, Numbers]:
        """Where k (N_c/N)^k = D_c/D, with k = α_N/α_D."""
        s, t, of_n, of_d = law.T
        k = of_n / of_d
        n = (np.log(k) + (s - t) / of_d + compute) / (k + 1)
        return n, compute - n


FORMS: dict[str, Form] = {"chinchilla": Chinchilla(), "kaplan": Kaplan()}
