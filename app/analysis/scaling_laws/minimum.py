"""The least sum of Huber losses, for many laws side by side.

M laws, P numbers of each, S points.   f = Σ c · H(y − log L),   H(r) = r²/2 up to |r| = δ, then δ(|r| − δ/2)

Damped Gauss-Newton on the squares that touch H from above where it stands, which weigh min(1, δ/|r|): every step that
is taken lowers f, and each law has a damping of its own. It ends where L-BFGS does, but hundreds of refits take each
step together, in a few products of matrices.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.analysis.scaling_laws.forms import Form, Numbers

DELTA = 1e-3
MOST_STEPS = 300
PATIENCE = 3
"""Steps in a row that gain next to nothing, after which a law is done."""
GAIN = 1e-9
LEAST_DAMPING, GREATEST_DAMPING = 1e-9, 1e9


class Points(NamedTuple):
    """What is fitted: logarithms, n and d from their means; and how often each counts, (M, S) or (1, S)."""

    n: Numbers
    d: Numbers
    y: Numbers
    counts: Numbers

    def of(self, rows: NDArray[np.intp]) -> "Points":
        """The same with the counts of some laws."""
        return self if len(self.counts) == 1 else self._replace(counts=self.counts[rows])


def huber(residuals: Numbers) -> Numbers:
    """H, at every residual."""
    size = np.abs(residuals)
    return np.where(size <= DELTA, residuals**2 / 2, DELTA * (size - DELTA / 2))


def objective(form: Form, law: Numbers, points: Points) -> Numbers:
    """f of each law (M,)."""
    return (points.counts * huber(points.y - form.slopes(law, points.n, points.d)[0])).sum(axis=1)


def gradient(form: Form, law: Numbers, points: Points) -> Numbers:
    """∂f of each law (M, P)."""
    values, slopes = form.slopes(law, points.n, points.d)
    pull = points.counts * np.clip(points.y - values, -DELTA, DELTA)
    return -(slopes @ pull[:, :, None])[:, :, 0]


def minimized(form: Form, law: Numbers, points: Points) -> tuple[Numbers, Numbers]:
    """The laws (M, P) that these become, and f of each (M,)."""
    law = np.clip(law, *form.box(points.y))
    least, damping, idle = objective(form, law, points), np.full(len(law), 1e-3), np.zeros(len(law), int)
    for _ in range(MOST_STEPS):
        rows = np.flatnonzero(idle < PATIENCE)
        if not len(rows):
            break
        some = points.of(rows)
        tried = _step(form, law[rows], some, damping[rows])
        value = objective(form, tried, some)
        gain = least[rows] - value
        better = gain > 0
        law[rows[better]], least[rows[better]] = tried[better], value[better]
        idle[rows] = np.where(gain > GAIN * least[rows], 0, idle[rows] + 1)
        damping[rows] = np.clip(damping[rows] * np.where(better, 0.2, 5.0), LEAST_DAMPING, GREATEST_DAMPING)
    return law, least


def _step(form: Form, law: Numbers, points: Points, damping: Numbers) -> Numbers:
    """Where one damped step leads. Numbers that press against their bound stay there, and out of the others' way."""
    low, high = form.box(points.y)
    values, slopes = form.slopes(law, points.n, points.d)
    residuals = points.y - values
    weighted = slopes * (points.counts * np.minimum(1, DELTA / np.maximum(np.abs(residuals), DELTA)))[:, None, :]
    push = (weighted @ residuals[:, :, None])[:, :, 0]
    curvature = weighted @ slopes.transpose(0, 2, 1)
    free = ~(((law <= low) & (push < 0)) | ((law >= high) & (push > 0)))
    curvature *= free[:, :, None] & free[:, None, :]
    diagonal = np.einsum("mpp->mp", curvature)
    diagonal += diagonal * damping[:, None] + 1e-15 + ~free
    return np.clip(law + np.linalg.solve(curvature, (push * free)[:, :, None])[:, :, 0], low, high)
