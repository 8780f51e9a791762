"""From a question to an answer: fit, intervals, residuals, doubts, predictions."""

from typing import Any

import numpy as np

from app.analysis.scaling_laws.doubts import doubts
from app.analysis.scaling_laws.fits import fitted, interval
from app.analysis.scaling_laws.forms import FORMS
from app.analysis.scaling_laws.predictions import predicted


def law(question: dict[str, Any]) -> dict[str, Any]:
    """Fields of `ScalingLaw`, of `{"form", "points", "bootstrap", "seed", "at", "flops"}`; sizes are lists.

    What overflows on the way (A of a law far from its points, say) is infinite here, and null in the answer.
    """
    with np.errstate(all="ignore"):
        return _law(question)


def _law(question: dict[str, Any]) -> dict[str, Any]:
    form = FORMS[question["form"]]
    fit = fitted(form, question["points"], question["bootstrap"], question["seed"])
    numbers, refits = form.published(fit.law, fit.centre)[0], form.published(fit.refits, fit.centre)
    intervals = {name: interval(refits[:, place]) for place, name in enumerate(form.names)}
    predictions = predicted(fit, question["at"], question["flops"])
    return {
        "form": question["form"],
        "fit": dict(zip(form.names, map(float, numbers), strict=True)),
        "intervals": {name: said for name, said in intervals.items() if said},
        "residuals": fit.residuals.tolist(),
        "spread": fit.spread,
        "warnings": doubts(fit, predictions),
        "predictions": predictions,
    }
