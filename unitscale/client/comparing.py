"""Requests for comparisons: which jobs, and what is told of them."""

from collections.abc import Iterable, Mapping
from typing import TypedDict, Unpack

from unitscale.client import answers
from unitscale.client.calls import Call, Params
from unitscale.models.comparisons import Align, Comparison

PATH = "/v1/compare"


class Asked(TypedDict, total=False):
    """What a comparison takes besides ids of jobs."""

    sweep: str | None
    """The jobs of this sweep, too."""
    study: str | None
    transfer: str | None
    labels: Mapping[str, str] | None
    """The jobs that have all of these, too."""
    keys: Iterable[str]
    """Curves to lay side by side; none by default."""
    align: Align | None
    max_points: int | None
    smooth: float | None
    """Weight of the exponential mean that curves, and the one that is to reach a loss, are smoothed by."""
    to_loss: float | None
    """Tell when each job's curve first was at or below this."""
    of: str | None
    """That curve; `val_loss` by default."""
    sort: str | None
    """A measure (best first) or a field; `-` before it turns the order round."""
    limit: int | None


def compare(job_ids: Iterable[str], **asked: Unpack[Asked]) -> Call[Comparison]:
    return Call("GET", PATH, answers.one(Comparison), _params(job_ids, asked))


def compare_csv(job_ids: Iterable[str], **asked: Unpack[Asked]) -> Call[str]:
    return Call("GET", PATH, answers.text, _params(job_ids, asked), headers={"Accept": "text/csv"})


def compare_markdown(job_ids: Iterable[str], **asked: Unpack[Asked]) -> Call[str]:
    return Call("GET", PATH, answers.text, _params(job_ids, asked), headers={"Accept": "text/markdown"})


def _params(job_ids: Iterable[str], asked: Asked) -> Params:
    lists = {"jobs": ",".join(job_ids), "keys": ",".join(asked.get("keys", ()))}
    given = {**lists, **{name: value for name, value in asked.items() if name not in ("keys", "labels")}}
    labels = tuple(("label", f"{name}:{value}") for name, value in (asked.get("labels") or {}).items())
    return tuple((name, str(value)) for name, value in given.items() if value not in (None, "")) + labels
