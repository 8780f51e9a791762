"""Scaling laws: what a fit with its refits takes, against scipy's L-BFGS-B on the same sums; and requests meanwhile."""

import threading
import time

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from app.analysis.scaling_laws.fits import STARTED, fitted
from app.analysis.scaling_laws.forms import FORMS, Form
from app.analysis.scaling_laws.law import law
from app.analysis.scaling_laws.minimum import Points, gradient, objective
from benchmarks.chaos.stack import Stack
from benchmarks.figures import MILLISECONDS, Figure, Ledger, median, quantile
from benchmarks.service import service

ROUNDS = 5
REFITS = 200
NOISE = 0.01
DRAWS = 40
TRUTH = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
"""Source: arXiv:2404.10102."""
MANY = 5_000


def points(sizes: int, lengths: int, seed: int) -> list[list[float]]:
    """Runs of the published law, with noise."""
    n, d = np.repeat(np.geomspace(5e7, 1e10, sizes), lengths), np.tile(np.geomspace(1e9, 1e12, lengths), sizes)
    losses = TRUTH["E"] + TRUTH["A"] / n ** TRUTH["alpha"] + TRUTH["B"] / d ** TRUTH["beta"]
    noise = np.exp(NOISE * np.random.default_rng(seed).standard_normal(len(n)))
    return np.stack([n, d, losses * noise], axis=1).tolist()


def measure(ledger: Ledger) -> None:
    """A fit over HTTP, a fit's CPU, what GETs take while one runs, and how often intervals hold the truth."""
    rows = points(20, 12, 0)
    with service(nodes=0) as stack:
        seconds = median(_asked(stack, rows) for _ in range(ROUNDS))
        alone, meanwhile = _gets(stack)
    ledger.note(Figure(f"240 points with {REFITS} refits over HTTP, p50 of {ROUNDS}", seconds, "s", at_most=10))
    ledger.note(Figure(f"GET while {MANY:,} points are fitted with {REFITS} refits: p50", median(meanwhile), "ms"))
    ledger.note(Figure("its p99", quantile(meanwhile, 0.99), "ms"))
    ledger.note(Figure("GET while none is: p50", median(alone), "ms"))
    _note_minimum(ledger, rows)
    _note_coverage(ledger)


def _question(rows: list[list[float]], seed: int = 0) -> dict[str, object]:
    return {"form": "chinchilla", "points": rows, "bootstrap": REFITS, "seed": seed, "at": [], "flops": []}


def _asked(stack: Stack, rows: list[list[float]]) -> float:
    """Seconds of one fit, as its caller sees them."""
    names = ("parameters", "tokens", "loss")
    with stack.client() as client:
        began = time.perf_counter()
        client.fit_scaling_law({"points": [dict(zip(names, row, strict=True)) for row in rows], "bootstrap": REFITS})
        return time.perf_counter() - began


def _gets(stack: Stack) -> tuple[list[float], list[float]]:
    """Milliseconds of GETs, first alone, then while a large fit runs."""
    with stack.client() as client:

        def get() -> float:
            began = time.perf_counter()
            client.jobs()
            return (time.perf_counter() - began) * MILLISECONDS

        alone = [get() for _ in range(200)]
        fit = threading.Thread(target=_asked, args=(stack, points(100, MANY // 100, 1)))
        fit.start()
        meanwhile: list[float] = []
        while fit.is_alive():
            meanwhile.append(get())
        fit.join()
    return alone, meanwhile


def _note_minimum(ledger: Ledger, rows: list[list[float]]) -> None:
    """Process CPU, in turns; and whether both come to the same sum."""
    turns = [(_cpu(lambda: law(_question(rows))), *_by_scipy(rows)) for _ in range(ROUNDS)]
    ours, theirs, excess = (median(column) for column in zip(*turns, strict=True))
    ledger.note(Figure("the same fit, CPU", ours, "s"))
    ledger.note(Figure("by scipy's L-BFGS-B, one refit after the other, CPU", theirs, "s"))
    ledger.note(Figure("ours / scipy's", ours / theirs))
    ledger.note(Figure("our least sum over scipy's, less 1", excess))


def _by_scipy(rows: list[list[float]]) -> tuple[float, float]:
    """CPU seconds of as many starts and refits, and how much more our sum is than its own."""
    form = FORMS["chinchilla"]
    fit = fitted(form, rows, 0, 0)
    random, size = np.random.default_rng(0), len(rows)

    def everything() -> None:
        for start in form.starts(fit.points.y)[:STARTED]:
            _lbfgs(form, start, fit.points)
        for _ in range(REFITS):
            counts = random.multinomial(size, np.full(size, 1 / size), 1).astype(float)
            _lbfgs(form, fit.law[0], fit.points._replace(counts=counts))

    own = objective(form, fit.law, fit.points)[0]
    theirs = min(_lbfgs(form, start, fit.points) for start in form.starts(fit.points.y)[::5])
    return _cpu(everything), own / theirs - 1


def _lbfgs(form: Form, start: NDArray[np.float64], known: Points) -> float:
    """The least sum from one start. The sums are of the size of a thousandth: its tolerances are for larger ones."""
    found = minimize(
        lambda x: (1e3 * objective(form, x[None], known)[0], 1e3 * gradient(form, x[None], known)[0]),
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(*form.box(known.y), strict=True)),
    )
    return float(found.fun) / 1e3


def _note_coverage(ledger: Ledger) -> None:
    held = dict.fromkeys(TRUTH, 0)
    for seed in range(DRAWS):
        intervals = law(_question(points(20, 12, seed), seed))["intervals"]
        for name, truth in TRUTH.items():
            held[name] += intervals[name]["low"] <= truth <= intervals[name]["high"]
    for name, times in held.items():
        ledger.note(Figure(f"draws of {DRAWS} whose 95 % interval of {name} holds the truth", times))


def _cpu(verb) -> float:
    began = time.process_time()
    verb()
    return time.process_time() - began
