"""What the points themselves give reason to doubt."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from app.analysis.scaling_laws.fits import Fit
from app.analysis.scaling_laws.minimum import DELTA

POINTS_A_NUMBER = 3
"""Points for each number to be found, below which a law follows their noise."""
FEWEST_SIZES = 4
FAR = 5.0
"""Deviations, as `spread` has them, of which a normal noise makes two in a million."""
NEXT_TO_NOTHING = 0.02
"""Of the least loss: a floor below this is none."""
OFTEN = 0.05
BEYOND = 10.0
"""Times the largest, or part of the smallest size that was fitted, up to which a law is believed."""


def doubts(fit: Fit, told: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of `Doubt`, each with what to do about it. `told` are the predictions that were asked."""
    each = (*_few(fit), *_far_off(fit), *_bounded(fit), *_beyond(fit, told))
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


def _far_off(fit: Fit) -> Said:
    middle = np.median(fit.residuals)
    far = np.flatnonzero(np.abs(fit.residuals - middle) > FAR * max(fit.spread, DELTA / 2))
    if len(far):
        detail = (
            f"{len(far)} lie more than {FAR:g} deviations off the law: look at these runs for divergence or another "
            "setting, and leave out what is wrong. They weigh little in the fit."
        )
        yield "far_off_points", detail, [int(place) for place in far]


def _bounded(fit: Fit) -> Said:
    """Numbers that the points leave open: the fit, or many refits, end where numbers may go no further."""
    law, (low, high) = fit.law[0], fit.form.box(fit.points.y)
    for place in fit.form.exponents:
        if law[place] <= low[place] or law[place] >= high[place]:
            name = fit.form.names[place - len(law)]
            yield (
                "at_a_bound",
                f"{name} is at its bound, {law[place]:g}: the points do not show it; widen their range.",
                (),
            )
    if "E" in fit.form.names and law[2] < fit.points.y.min() + np.log(NEXT_TO_NOTHING):
        yield "at_a_bound", "E is next to nothing: the points show no floor; add larger models on more tokens.", ()
    pressed = (fit.refits <= low) | (fit.refits >= high)
    share = float(pressed[:, list(fit.form.exponents)].any(axis=1).mean()) if len(pressed) else 0.0
    if share > OFTEN:
        detail = f"{share:.0%} of the refits end with an exponent at its bound: intervals are too narrow; add runs."
        yield "unsure_intervals", detail, ()


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
