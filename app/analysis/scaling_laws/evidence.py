"""What a law is fitted to: points as they were given, or what jobs came to; and what speaks against it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.analysis.scaling_laws.practice import doubts, shortcomings, tokens_seen
from unitscale.errors import NoLaw
from unitscale.models.datasets import Dataset
from unitscale.models.jobs import Job
from unitscale.models.scaling_laws import Doubt, FittedPoint, Point, ScalingLawRequest

NUMBERS = {"chinchilla": 5, "kaplan": 4}
"""That each form has to find."""

AS_GIVEN = "Parameters, tokens and losses as the points count them."
OF_JOBS = (
    "Parameters: every weight that learns, embeddings and output layer included, as arXiv:2203.15556 counts them "
    "(arXiv:2001.08361 leaves embeddings out). Tokens: all that were trained on, again and again where the text was "
    "repeated: examples times context. Losses: val_loss, nats per token."
)
BUDGETS = " A budget of C FLOP is 6 · parameters · tokens."


class Evidence(NamedTuple):
    """Points, how they are counted, and doubts that they do not show themselves."""

    points: tuple[FittedPoint, ...]
    counting: str
    doubts: tuple[Doubt, ...] = ()


def of_points(points: Sequence[Point]) -> Evidence:
    """Points as they were given."""
    return Evidence(tuple(FittedPoint(**point.model_dump()) for point in points), AS_GIVEN + BUDGETS)


def of_jobs(jobs: Sequence[Job], uploaded: Mapping[str, Dataset], last_rates: Mapping[str, float]) -> Evidence:
    """What these jobs came to. Raises NoLaw, naming each that is no point of a law."""
    wrong = tuple((f"/jobs/{place}", why) for place, job in enumerate(jobs) if (why := shortcomings(job)))
    if wrong:
        raise NoLaw(wrong[0][1], wrong)
    points = tuple(
        FittedPoint(parameters=job.result.parameters, tokens=tokens_seen(job), loss=job.result.val_loss, job=job.id)
        for job in jobs
        if job.result is not None
    )
    return Evidence(points, OF_JOBS + BUDGETS, doubts(jobs, points, uploaded, last_rates))


def check(evidence: Evidence, wanted: ScalingLawRequest) -> None:
    """Raises NoLaw where points cannot tell the numbers of the form apart at all."""
    source = "/points" if wanted.points is not None else "/jobs"
    fewest, there = NUMBERS[wanted.form] + 1, len(evidence.points)
    if there < fewest:
        detail = f"A {wanted.form} law needs {fewest} points at the least, and three times as many to be relied on."
        raise NoLaw(f"{there} are too few: {detail}", ((source, detail),))
    for what in ("parameters", "tokens"):
        if len({getattr(point, what) for point in evidence.points}) == 1:
            detail = f"All have the same {what}: nothing says what others would do. Add runs at others."
            raise NoLaw(detail, ((source, detail),))
