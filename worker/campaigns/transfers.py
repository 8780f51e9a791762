"""A transfer trains its grid, extends it where the best rate lies at an edge, and says what it found."""

from collections.abc import Mapping, Sequence
from math import inf, log2

from unitscale.models import drifts
from unitscale.models.campaigns import CampaignState, member_id
from unitscale.models.jobs import ENDED, Job, Reason, State
from unitscale.models.parabolas import slope
from unitscale.models.transfers import Axis, Coordinates, Parametrized, TransferResult, TransferSpec, Trials
from unitscale.wire.campaigns import Decision, Held
from worker.campaigns.intervals import intervals
from worker.campaigns.verdicts import verdict

MOST_EXTENSIONS = 3
CHANGE = "change.features"
"""The curve with what the first step changed."""
Curves = Mapping[int, Sequence[tuple[int, float]]]


def decide(held: Held, jobs: Mapping[int, Job], refused: Mapping[int, str]) -> Decision:
    """Waits for all jobs of a round; then another round, or the result."""
    spec, trials = TransferSpec.model_validate(held.requested), Trials.model_validate(held.document)
    if refused:
        place, why = min(refused.items())
        return _failed(held, "impossible", f"The job at place {place} cannot be done any more: {why}")
    unfinished = any(job.state not in ENDED for job in jobs.values())
    if unfinished or not {member_id(held.id, place) for place in range(trials.size)} <= set(held.jobs):
        return Decision(held.document)
    tried = {place: job for place, job in jobs.items() if place >= len(trials.probes)}
    losses = {place: loss for place, job in tried.items() if (loss := loss_of(job)) is not None}
    if not any(loss < inf for loss in losses.values()):
        return _failed(held, "no_success", "None of its jobs succeeded.")
    more = drifts.extensions(spec, trials, losses) if len(trials.rounds) <= MOST_EXTENSIONS else []
    if more:
        return Decision(trials.model_copy(update={"rounds": (*trials.rounds, tuple(more))}).model_dump(mode="json"))
    result = _result(spec, trials, losses, held.curves)
    return Decision(held.document | {"result": result}, CampaignState.SUCCEEDED)


def watched(held: Held) -> Sequence[int]:
    """The places of the jobs that take a single step, for the coordinate check."""
    return range(len(Trials.model_validate(held.document).probes))


def loss_of(job: Job) -> float | None:
    """The validation loss; +inf of a job that diverged; None of one that says nothing."""
    if job.state is State.SUCCEEDED and job.result is not None:
        return inf if job.result.val_loss is None else job.result.val_loss
    return inf if job.reason is not None and job.reason.code == "diverged" else None


def _failed(held: Held, code: str, message: str) -> Decision:
    return Decision(held.document, CampaignState.FAILED, Reason(code=code, message=message))


def _result(spec: TransferSpec, trials: Trials, losses: drifts.Losses, curves: Curves) -> dict[str, object]:
    all_lines = drifts.lines(spec, trials, losses)
    found = [
        _with_intervals(each, all_lines).model_copy(update={"coordinates": _coordinates(each, trials, curves)})
        for each in drifts.found(spec, trials, losses)
    ]
    result = TransferResult(
        parametrizations=tuple(found),
        verdict=verdict(spec, found),
        not_tested=tuple(axis for axis in Axis if axis is not spec.axis),
    )
    return result.model_dump(mode="json")


def _coordinates(found: Parametrized, trials: Trials, curves: Curves) -> Coordinates | None:
    """Of the first steps under one parametrization; None where none was measured."""
    own = [
        (place, probe) for place, probe in enumerate(trials.probes) if probe.parametrization == found.parametrization
    ]
    changes = [curves[place][0][1] if curves.get(place) else None for place, _ in own]
    there = [(log2(probe.value), log2(change)) for (_, probe), change in zip(own, changes, strict=True) if change]
    if not there:
        return None
    growth = slope(*zip(*there, strict=True)) if len(there) > 1 else None
    return Coordinates(learning_rate=own[0][1].rate, changes=tuple(changes), growth=growth)


def _with_intervals(found: Parametrized, all_lines: Sequence[drifts.Line]) -> Parametrized:
    of_drift, of_penalty = intervals([line for line in all_lines if line.parametrization == found.parametrization])
    return found.model_copy(update={"drift_interval": of_drift, "penalty_interval": of_penalty})
