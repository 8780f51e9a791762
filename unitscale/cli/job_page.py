"""Everything there is to say of one job, on one page."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from unitscale.cli import tables, wording
from unitscale.cli.plots import logarithmic, plot, sparkline

if TYPE_CHECKING:
    from unitscale.models.curves import Curves
    from unitscale.models.jobs import Job, NoiseScale, Result
    from unitscale.models.tuned import Tuned, TunedRate

SECTIONS = ("model", "units", "optimizer", "schedule", "budget", "resources")
DRAWN = ("train_loss", "val_loss")
BAR = 30
DRAWN_POINTS = 240
"""Points of a curve: two for each dot that a plot is wide."""

Row = tuple[str, RenderableType]


def page(job: "Job", curves: "Curves | None", now: datetime) -> list[RenderableType]:
    """The job's fields, then its losses."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in (*_standing(job, now), *_asked(job), *_measured(job)):
        grid.add_row(name, value)
    deployment = [tables.deployment(job.result.deployment)] if job.result and _timed(job.result) else []
    return [grid, *deployment, *(_drawn(curves) if curves else ())]


def _standing(job: "Job", now: datetime) -> Iterable[Row]:
    yield "job", Text.assemble((job.id, "bold"), f"  {job.spec.name or ''}")
    yield "state", tables.standing(job)
    if job.reason:
        yield "reason", f"{job.reason.code}: {job.reason.message}"
    if job.queue:
        yield "queue", f"{job.queue.position} ahead; {job.queue.why}"
    yield "progress", _progress(job)
    yield "created", f"{job.created_at:%Y-%m-%d %H:%M:%S} UTC, {wording.age(job.created_at, now)} ago"
    if job.attempt > 1 or job.losses:
        yield "attempt", f"{job.attempt} ({job.losses} lost)"
    if job.fused:
        yield "trained", f"{_company(job.fused.lanes)}: {job.fused.why}"
    if job.spec.labels:
        yield "labels", wording.phrase(job.spec.labels)


def _asked(job: "Job") -> Iterable[Row]:
    spec = job.spec.model_dump(mode="json")
    yield "task", f"{job.spec.task} on {job.spec.dataset or 'the default data set'}"
    for section in SECTIONS:
        yield section, wording.phrase(spec[section])
    yield "seed", str(job.spec.seed)
    if job.tuned:
        yield from _tuned(job.tuned)


def _tuned(tuned: "Tuned") -> Iterable[Row]:
    """What `auto` became, and why."""
    if tuned.batch_size:
        yield "tuned batch", f"{tuned.batch_size.value}  {tuned.batch_size.why}"
    if tuned.learning_rate:
        yield "tuned rate", f"{wording.number(tuned.learning_rate.value)}  {tuned.learning_rate.why}"
        losses = [tried.loss for tried in tuned.learning_rate.tried]
        if losses:
            yield "", f"losses at rates of {_ends(tuned.learning_rate)}: {sparkline(losses, len(losses))}"
    yield "tuning took", wording.seconds(tuned.seconds)


def _ends(rate: "TunedRate") -> str:
    return f"{wording.number(rate.tried[0].learning_rate)} to {wording.number(rate.tried[-1].learning_rate)}"


def _measured(job: "Job") -> Iterable[Row]:
    timings = job.timings.model_dump(exclude_none=True)
    spent = {name.removesuffix("_seconds"): wording.seconds(timings[name]) for name in timings if "_seconds" in name}
    rates = {name.replace("_per_second", "/s"): rate for name, rate in timings.items() if name.endswith("_per_second")}
    if timings:
        yield "timings", wording.phrase(spent)
    if rates:
        yield "speed", wording.phrase(rates)
    if result := job.result:
        yield "stopped by", result.stopped_by
        yield "losses", wording.phrase({"train": result.train_loss, "val": result.val_loss})
        yield "metrics", wording.phrase(result.metrics)
        yield "test", wording.phrase(result.test_metrics)
        if result.noise:
            yield "noise scale", _noise(result.noise)
        memory = wording.size(result.peak_memory_bytes) if result.peak_memory_bytes else None
        yield "cost", wording.phrase({"parameters": result.parameters, "peak memory": memory, "price": result.price})
        for form in result.deployment if not _timed(result) else ():
            yield f"as {form.format}", wording.size(form.bytes)


def _noise(noise: "NoiseScale") -> str:
    """In examples, with 95 % intervals."""
    seen = ("as AdamW sees it", noise.preconditioned, noise.preconditioned_low, noise.preconditioned_high)
    plain = ("plain", noise.value, noise.low, noise.high)
    words = [
        f"{name} {wording.number(value)} ({wording.number(low)} to {wording.number(high)})"
        for name, value, low, high in (seen, plain)
        if value is not None
    ]
    return f"{', '.join(words)} examples" if words else "not distinguishable from zero: measure more often"


def _timed(result: "Result") -> bool:
    """Whether more is known of a format than its size."""
    return any(form.latency_ms for form in result.deployment)


def _company(lanes: int) -> str:
    return "alone" if lanes == 1 else f"with {lanes - 1} others in one process"


def _progress(job: "Job") -> Text:
    step, steps = job.progress.step, job.progress.steps
    left = f"  {wording.seconds(job.progress.eta_seconds)} left" if job.progress.eta_seconds else ""
    done = BAR * min(step, steps) // steps if steps else 0  # told apart from the rest without colours, too
    bar = ("━" * done, wording.STYLES.get(job.state, "")), ("·" * (BAR - done), "dim")
    return Text.assemble(*bar, f" {step}/{wording.number(steps)}{left}")


def _drawn(curves: "Curves") -> Iterable[RenderableType]:
    for name in DRAWN:
        curve = curves.curves.get(name)
        points = [(x, y) for x, y in zip(curve.step, curve.value, strict=True) if y is not None] if curve else []
        lines = plot(points)
        if lines:
            heading = f"{name} (logarithmic)" if logarithmic(points) else name
            yield Text("\n".join([heading, *lines]))
