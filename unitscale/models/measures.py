"""Measures of a job by name: what objectives, constraints and the best of a sweep are told in."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import StringConstraints, model_validator

from unitscale.models.document import Document
from unitscale.models.formats import Format
from unitscale.models.jobs import Deployment, Job, Result, Timings
from unitscale.models.offers import Need, Offer
from unitscale.models.specs import JobSpec

MeasureName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9][a-z0-9_-]*){0,3}$", min_length=1, max_length=100)
]
"""`val_loss`, `training_seconds`, `price`, `metrics.accuracy`, `deployment.int8.latency_ms.p50`, …"""

OF_PROCESS = {
    *Timings.model_fields,
    *("price", "price_per_million", "latency_ms", "first_token_ms", "decode_tokens_per_second"),
}
"""What a measure's name holds where other work on the same slot would disturb it."""
COSTS = ("train_loss", "val_loss", "noise_scale", "parameters", "peak_memory_bytes", "price")


class Objective(Document):
    """The measure that is to be as small, or as large, as can be: one of the two."""

    minimize: MeasureName | None = None
    maximize: MeasureName | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.minimize is None) == (self.maximize is None):
            raise ValueError("give one of minimize or maximize")
        return self

    @property
    def measure(self) -> str:
        """Its name."""
        return self.minimize or self.maximize or ""

    def cost(self, value: float) -> float:
        """The value turned so that less is better."""
        return value if self.minimize else -value


def measure(job: Job, name: str) -> float | None:
    """A number of the job's result or timings; None where it has none.

    `deployment.bytes` and the like, without a format, are those of the smallest format that was measured; a latency
    without a percentile is its median.
    """
    return measured(job.result, job.timings.model_dump(), name) if job.result else None


def measured(result: Result, timings: Mapping[str, float | None], name: str) -> float | None:
    """The same of a result and the timings that go with it."""
    first, _, rest = name.partition(".")
    if first == "deployment":
        return _of_deployment(result.deployment, rest)
    return _number(timings if first in timings else result.model_dump(), name.split("."))


def of_process(name: str) -> bool:
    """Whether it is measured of the process that trains, or of its machine: jobs by themselves alone compare in it."""
    return name == "peak_memory_bytes" or not OF_PROCESS.isdisjoint(name.split("."))


def needed(names: Iterable[str]) -> list[Need]:
    """What a worker must have for its jobs to have these measures."""
    priced = any(name == "price" or name.endswith(".price_per_million") for name in names)
    return [("measures", "price")] if priced else []


def unknown(base: JobSpec, name: str, offer: Offer) -> Iterator[str]:
    """Why nothing can be chosen by this measure of such a job here."""
    first, _, rest = name.partition(".")
    task = offer.tasks.get(base.task)
    metrics = task.metrics if task else ()
    if first == "test_metrics":
        yield "Nothing is chosen by the test split; `metrics` are those of the validation split."
    elif first == "metrics":
        if rest not in metrics:
            yield f"The task is graded by {', '.join(f'metrics.{metric}' for metric in metrics)}."
    elif first == "deployment":
        yield from _unknown_cost(base, rest)
    elif name not in (*COSTS, *Timings.model_fields) or first not in Result.model_fields | Timings.model_fields:
        words = ", ".join((*COSTS, *Timings.model_fields))
        yield f"There is no such measure; there are {words}, metrics.…, deployment.…"
    elif name == "noise_scale" and not (base.diagnostics.noise_scale or base.batch_schedule.name == "noise-scale"):
        yield "This is measured where base.diagnostics.noise_scale is true."
    if needed([name]) and not offer.priced:
        yield "No connected worker knows a price: its operator sets UNITSCALE_PRICE_PER_DEVICE_HOUR."


def _unknown_cost(base: JobSpec, rest: str) -> Iterator[str]:
    asked = [form.value for form in base.evaluation.formats]
    formats = asked or [Format.FP32.value]
    form, _, below = rest.partition(".")
    field = below if form in formats else rest
    if field.partition(".")[0] not in Deployment.model_fields:
        yield f"Of each of {', '.join(formats)} (base.evaluation.formats) there are bytes, latency_ms, metrics.…"
    elif field != "bytes" and not asked:
        yield "This is measured where base.evaluation.formats names what is to be measured, such as fp32 or bf16."


def _of_deployment(measured: tuple[Deployment, ...], rest: str) -> float | None:
    form, _, measure_name = rest.partition(".")
    by_format = {entry.format: entry for entry in measured}
    if form not in by_format:
        smallest = min(measured, key=lambda entry: entry.bytes, default=None)
        return _number(smallest.model_dump(), rest.split(".")) if smallest else None
    return _number(by_format[form].model_dump(), measure_name.split("."))


def _number(document: Mapping[str, Any], path: list[str]) -> float | None:
    found: Any = document
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if path[-1] == "latency_ms" and isinstance(found, Mapping):
        found = found.get("p50")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else None
