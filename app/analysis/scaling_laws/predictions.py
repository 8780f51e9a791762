"""What a fitted law says of sizes and budgets that nobody has tried, with the interval of its refits."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.analysis.scaling_laws.fits import Fit, interval
from app.analysis.scaling_laws.forms import Numbers

FLOP_A_TOKEN = 6.0
"""For each parameter: two of the forward pass, four of the backward. Source: arXiv:2001.08361."""


def predicted(fit: Fit, at: Sequence[Sequence[float]], budgets: Sequence[float]) -> dict[str, Any]:
    """The fields of `LawPredictions`."""
    return {"at": [_loss(fit, *size) for size in at], "flops": [_optimum(fit, flops) for flops in budgets]}


def _loss(fit: Fit, parameters: float, tokens: float) -> dict[str, Any]:
    n, d = np.log(parameters) - fit.centre.n, np.log(tokens) - fit.centre.d
    said = [_losses(fit, laws, np.full(len(laws), n), np.full(len(laws), d)) for laws in (fit.law, fit.refits)]
    return {"parameters": parameters, "tokens": tokens, "loss": float(said[0][0]), "interval": interval(said[1])}


def _optimum(fit: Fit, flops: float) -> dict[str, Any]:
    compute = float(np.log(flops / FLOP_A_TOKEN)) - fit.centre.n - fit.centre.d
    (own, *_), refits = (_sizes(fit, laws, compute) for laws in (fit.law, fit.refits))
    names = ("parameters", "tokens", "loss")
    values = dict(zip(names, (float(value) for value in own), strict=True))
    return {"flops": flops, **values, **{f"{name}_interval": interval(refits[:, i]) for i, name in enumerate(names)}}


def _sizes(fit: Fit, laws: Numbers, compute: float) -> Numbers:
    """N, D and the loss of the best use of a budget, by each law (M, 3)."""
    n, d = fit.form.optimum(laws, compute)
    return np.stack([np.exp(n + fit.centre.n), np.exp(d + fit.centre.d), _losses(fit, laws, n, d)], axis=1)


def _losses(fit: Fit, laws: Numbers, n: Numbers, d: Numbers) -> Numbers:
    """The loss that each law gives its own size (M,)."""
    return np.exp(fit.form.slopes(laws, n[:, None], d[:, None])[0][:, 0])
