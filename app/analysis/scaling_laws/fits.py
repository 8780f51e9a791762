"""A law fitted to points: the best of a grid of starts, then the refits that its intervals are read from.

S points, B refits, P numbers.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from app.analysis.scaling_laws.forms import Centre, Form, Numbers
from app.analysis.scaling_laws.minimum import Points, minimized, objective

STARTED = 24
"""Of the grid, the starts with the least sum, which are gone on with."""
SIDE_BY_SIDE = 30_000
"""Points times laws that are held at once: some megabytes, which stay near the processor."""
MIDDLE = (0.025, 0.975)
OF_NORMAL = 1.4826
"""A deviation over the median distance from the middle."""


class Fit(NamedTuple):
    """A law (1, P), its refits (B, P), log(loss) less the law (S,)."""

    form: Form
    centre: Centre
    law: Numbers
    refits: Numbers
    residuals: Numbers
    points: Points

    @property
    def spread(self) -> float:
        """How far points typically lie from the law, as the deviation of a normal noise.

        The law passes through about as many points as it has numbers, however noisy they are: these do not count.
        """
        return float(OF_NORMAL * np.median(np.sort(np.abs(self.residuals))[self.law.shape[1] :]))


def fitted(form: Form, rows: Sequence[Sequence[float]], refits: int, seed: int) -> Fit:
    """The law of these (parameters, tokens, loss)."""
    n, d, y = np.log(np.array(rows, dtype=float)).T
    centre = Centre(float(n.mean()), float(d.mean()))
    points = Points(n - centre.n, d - centre.d, y, np.ones((1, len(y))))
    law = _best(form, points)
    values, _ = form.slopes(law, points.n, points.d)
    return Fit(form, centre, law, _refitted(form, law, points, refits, seed), y - values[0], points)


def interval(values: Numbers) -> dict[str, float] | None:
    """The middle 95 % of what the refits say (B,); None where there are none."""
    if not len(values):
        return None
    low, high = np.quantile(values, MIDDLE)
    return {"low": float(low), "high": float(high)}


def _best(form: Form, points: Points) -> Numbers:
    starts = np.clip(form.starts(points.y), *form.box(points.y))
    sums = [objective(form, some, points) for some in _parts(starts, len(points.y))]
    near = starts[np.argsort(np.concatenate(sums), kind="stable")[:STARTED]]
    found = [minimized(form, some, points) for some in _parts(near, len(points.y))]
    laws, least = (np.concatenate(each) for each in zip(*found, strict=True))
    return laws[[int(least.argmin())]]


def _refitted(form: Form, law: Numbers, points: Points, refits: int, seed: int) -> Numbers:
    """Fits to as many points drawn with replacement, each started from the law of all."""
    random, size = np.random.default_rng(seed), len(points.y)
    found = [np.empty((0, law.shape[1]))]
    for some in _parts(np.repeat(law, refits, axis=0), size):
        counts = random.multinomial(size, np.full(size, 1 / size), len(some)).astype(float)
        found.append(minimized(form, some, points._replace(counts=counts))[0])
    return np.concatenate(found)


def _parts(laws: Numbers, points: int) -> list[Numbers]:
    """Laws in parts that are worked on together."""
    size = max(1, SIDE_BY_SIDE // points)
    return [laws[first : first + size] for first in range(0, len(laws), size)]
