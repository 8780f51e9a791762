"""Which running trials have fallen so far behind that they are not worth their time.

`median`: the best loss a trial has reached is worse than what half of the others had reached by the same step.
`asha`: at a rung it is not among the best third of those that came so far. Rungs lie at the first evaluation and at
each threefold of it; a trial is compared at the last one it has passed. Source: arXiv:1810.05934.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from statistics import median

from unitscale.models.jobs import Reason
from unitscale.models.studies import StudySpec, Trial, TrialState

LOOK_SECONDS = 1.0
PRUNED = "pruned"
LEAST_OTHERS = 3
"""Trials to compare with, before any is given up by the median."""
REDUCTION = 3
MOST_KEPT = 200
"""Points of a settled trial's curve: its study's record holds those of all."""
Curve = Sequence[tuple[int, float]]


def behind(study: StudySpec, searched: Sequence[Trial], curves: Mapping[int, Curve]) -> dict[int, Reason]:
    """Place → why it is called off. Without a pruner, none is."""
    if study.pruner == "none":
        return {}
    known = {trial.place: trial.curve if trial.settled else curves.get(trial.place, ()) for trial in searched}
    running = [trial.place for trial in searched if not trial.settled and known[trial.place]]
    if study.pruner == "median":
        ended = {trial.place for trial in searched if trial.state is TrialState.SUCCEEDED}
        found = {place: _below_median(known[place], [known[other] for other in ended]) for place in running}
    else:
        found = {place: _off_rung(known[place], list(known.values())) for place in running}
    return {place: Reason(code=PRUNED, message=why) for place, why in found.items() if why}


def kept(curve: Curve) -> tuple[tuple[int, float], ...]:
    """What trials to come are compared with: its first and last point, and each new least loss between, up to 200."""
    finite = [(step, loss) for step, loss in curve if math.isfinite(loss)]
    least = list(accumulate((loss for _, loss in finite), min))
    better = [point for point, before in zip(finite[1:-1], least, strict=False) if point[1] < before]
    every = -(-len(better) // (MOST_KEPT - 2)) or 1
    return (*finite[:1], *better[every - 1 :: every], *finite[1:][-1:])


def _below_median(curve: Curve, others: Sequence[Curve]) -> str | None:
    step = curve[-1][0]
    reached = [loss for other in others if math.isfinite(loss := _least(other, step))]
    if len(reached) < LEAST_OTHERS:
        return None
    own, middle = _least(curve, step), median(reached)
    if own <= middle:
        return None
    return f"At step {step} its best validation loss was {_said(own)}; half of {len(reached)} others had {middle:.4g}."


def _off_rung(curve: Curve, everyone: Sequence[Curve]) -> str | None:
    """A trial counts among those it is compared with, and the best at a rung always goes on."""
    first = min((other[0][0] for other in everyone if other), default=0)
    last = curve[-1][0]
    if not first or last < first:
        return None
    rung = first * REDUCTION ** int(math.log(last / first, REDUCTION) + 1e-9)
    reached = sorted(_least(other, rung) for other in everyone if other and other[-1][0] >= rung)
    own, allowed = _least(curve, rung), max(1, len(reached) // REDUCTION)
    if own <= reached[allowed - 1]:
        return None
    return f"At step {rung} its best validation loss was {_said(own)}; {allowed} of {len(reached)} go on from there."


def _least(curve: Curve, step: int) -> float:
    """The least loss up to a step; infinity where there is none."""
    return min((loss for at, loss in curve if at <= step and math.isfinite(loss)), default=math.inf)


def _said(loss: float) -> str:
    return f"{loss:.4g}" if math.isfinite(loss) else "not finite"
