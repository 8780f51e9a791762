"""What the points themselves give reason to doubt."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from app.analysis.scaling_laws.fits import Fit, interval
from app.analysis.scaling_laws.minimum import DELTA

POINTS_A_NUMBER = 3
"""Points for each number to be found, below which a law follows their noise."""
FEWEST_SIZES = 4
NARROW = 5.0
TOGETHER = 0.98
"""Correlation of log N and log D from which on hardly anything tells their terms apart."""
FAR = 5.0
"""Deviations, as `spread` has them, which of a normal noise is one in a million."""
POOR = 0.05
"""Deviation of points from a law that does not fit: what doubling a model gains, where its term, of an exponent of 0.3,
is a quarter of the loss. A law that misses by as much tells no size from its double; two seeds differ by about 1 %."""
UNSEEN = 0.02
"""Of a loss: a term that is less of every one of them is not seen."""
WIDEN = {
    "A": "larger and smaller models",
    "B": "more and fewer tokens",
    "E": "larger models on more tokens",
    "N_c": "smaller models",
    "D_c": "fewer tokens",
}
"""What shows a term."""
OFTEN = 0.05
LOOSE = 3.0
"""Times its lower end that the upper end of an exponent's interval may be."""
BEYOND = 10.0
"""Times the largest, or part of the smallest size that was fitted, up to which a law is believed."""


def doubts(fit: Fit, told: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of `Doubt`, each with what to do about it. `told` are the predictions that were asked."""
    each = (*_few(fit), *_poor(fit), *_far_off(fit), *_bounded(fit), *_loose(fit), *_unseen(fit), *_beyond(fit, told))
    return [{"code": code, "detail": detail, "points": list(points)} for code, detail, points in each]


Said = Iterator[tuple[str, str, Sequence[int]]]


def _few(fit: Fit) -> Said:
    points, numbers = len(fit.points.y), fit.law.shape[1]
    if points < POINTS_A_NUMBER * numbers:
        want = POINTS_A_NUMBER * numbers
        yield "too_few_points", f"{points} points for {numbers} numbers: add runs, to {want} or more.", ()
    for what, values in (("model sizes", fit.points.n), ("numbers of tokens", fit.points.d)):
        sizes = len(np.unique(np.round(values, 3)))
        if sizes < FEWEST_SIZES:
            yield "too_few_sizes", f"{sizes} {what}: a bend needs {FEWEST_SIZES} or more; add runs at others.", ()
        if (times := float(np.exp(np.ptp(values)))) < NARROW:
            yield "narrow_range", f"The {what} lie within a factor of {times:.3g}; add runs further apart.", ()
    if abs(float(np.corrcoef(fit.points.n, fit.points.d)[0, 1])) > TOGETHER:
        detail = (
            "N and D rise together, so that their terms can hardly be told apart; add runs of one size on several D."
        )
        yield "entangled_sizes", detail, ()


def _poor(fit: Fit) -> Said:
    if fit.spread > POOR:
        detail = (
            f"Points typically lie {fit.spread:.0%} off the law: it does not fit. Try the other form, or look whether "
        )
        detail += "all runs are of one setting."
        yield "poor_fit", detail, ()


def _far_off(fit: Fit) -> Said:
    far = np.flatnonzero(np.abs(fit.residuals) > FAR * max(fit.spread, DELTA / 2))
    if len(far):
        detail = (
            f"{len(far)} lie more than {FAR:g} deviations off the law: look at these runs for divergence or another "
            "setting, and leave out what is wrong. They weigh little in the fit."
        )
        yield "far_off_points", detail, [int(place) for place in far]


def _bounded(fit: Fit) -> Said:
    """Exponents that the points leave open: of the law, or of many refits, they end where they may go no further."""
    law, (low, high) = fit.law[0], fit.form.box(fit.points.y)
    for place in fit.form.exponents:
        if law[place] <= low[place] or law[place] >= high[place]:
            detail = (
                f"{_name(fit, place)} is at its bound, {law[place]:g}: the points do not show it; widen their range."
            )
            yield "at_a_bound", detail, ()
    pressed = (fit.refits <= low) | (fit.refits >= high)
    share = float(pressed[:, list(fit.form.exponents)].any(axis=1).mean()) if len(pressed) else 0.0
    if share > OFTEN:
        detail = f"{share:.0%} of the refits end with an exponent at its bound: intervals are too narrow; add runs."
        yield "unsure_intervals", detail, ()


def _loose(fit: Fit) -> Said:
    """Exponents that could be almost anything."""
    for place in fit.form.exponents:
        said = interval(fit.refits[:, place])
        if said and said["high"] > LOOSE * said["low"]:
            detail = (
                f"{_name(fit, place)} may be from {said['low']:.2g} to {said['high']:.2g}; add runs, further apart."
            )
            yield "loose_exponents", detail, ()


def _name(fit: Fit, place: int) -> str:
    return fit.form.names[place - len(fit.law[0])]


def _unseen(fit: Fit) -> Said:
    """Terms that the points hold next to nothing of."""
    shares = fit.form.slopes(fit.law, fit.points.n, fit.points.d)[1][0, : len(fit.form.terms)].max(axis=1)
    for name, share in zip(fit.form.terms, shares, strict=True):
        if share < UNSEEN:
            detail = f"The term of {name} is {share:.1%} of a loss at the most: the points do not show it; add"
            yield "unseen_term", f"{detail} {WIDEN[name]}.", ()


def _beyond(fit: Fit, told: dict[str, Any]) -> Said:
    """Predictions far outside of what was fitted."""
    for name in ("at", "flops"):
        places = [str(place) for place, size in enumerate(told[name]) if _outside(fit, size)]
        if places:
            which = f"predictions.{name} {', '.join(places[:10])}{' …' if len(places) > 10 else ''}"
            detail = f"{which}: more than {BEYOND:g} times off the sizes that were fitted; add runs nearer to it."
            yield "extrapolation", detail, ()


def _outside(fit: Fit, size: dict[str, Any]) -> bool:
    n, d = np.log(size["parameters"]) - fit.centre.n, np.log(size["tokens"]) - fit.centre.d
    reach = float(np.log(BEYOND))
    return not all(
        values.min() - reach <= value <= values.max() + reach
        for value, values in ((n, fit.points.n), (d, fit.points.d))
    )
