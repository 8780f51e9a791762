"""Jobs side by side."""

from typing import Any

from unitscale.models.curves import Curve
from unitscale.models.document import Answer, JobId, Measure
from unitscale.models.jobs import State


class Compared(Answer):
    """One job of a comparison."""

    id: JobId
    name: str | None
    state: State


class Comparison(Answer):
    """Only what differs, with measures and curves; lists follow the order of `jobs`."""

    jobs: tuple[Compared, ...]
    fields: dict[str, tuple[Any, ...]]
    """Spec fields that differ, by dotted path."""
    measures: dict[str, tuple[Measure, ...]]
    """Results and timings, by dotted path; null where a job has none."""
    curves: dict[str, tuple[Curve, ...]]
