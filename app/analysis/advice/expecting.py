"""What to expect: seconds, loss and price, from past jobs of the same shapes, or scaled with a stated uncertainty."""

from collections.abc import Sequence
from math import exp, isfinite, log, log2

from app.analysis.advice.past import Setting, distance, diverged
from unitscale.models.advice import Expectations, Expected, FittedLaw, Known, Sure
from unitscale.models.jobs import Job
from unitscale.models.specs import JobSpec
from unitscale.models.tuning import weights, work_of_step

HOUR_SECONDS = 3600.0
FEWEST = 20
"""Steps from which a job's speed says something: probes of a step or two do not."""
SPREAD = 1.3
"""By which the speed of one machine varies from job to job."""
FAR = 2.0
"""Octaves of work beyond which a speed says little."""
LIKE = 0.25
"""Octaves of distance within which past jobs are the run that is asked for."""
NEAR = 2.5


def expectations(
    spec: JobSpec, steps: int, known: Known, jobs: Sequence[Job], settings: Sequence[Setting], price: float | None
) -> Expectations:
    """For a resolved spec; `price` is that of a device hour, where it is known."""
    seconds = training_seconds(spec, steps, jobs)
    return Expectations(
        training_seconds=seconds,
        loss=loss(spec, steps, known.scaling_law, jobs, settings),
        price=_price(spec, seconds, jobs, price),
    )


def training_seconds(spec: JobSpec, steps: int, jobs: Sequence[Job]) -> Expected:
    """By the speed of the same shapes, else of the nearest, at the same number of operations a second."""
    timed = [job for job in jobs if _timed(job) and _place(job.spec) == _place(spec)]
    same = [job for job in timed if _shapes(job.spec) == _shapes(spec)]
    if same:
        return _as_those(steps, _best_known(same))
    if not timed:
        return _nothing(f"No past job of this task took {FEWEST} steps or more on {spec.resources.device}.")
    return _scaled(spec, steps, min(_best_known(timed), key=lambda each: _apart(each, spec)))


def _timed(job: Job) -> bool:
    """Whether its steps a second say something: the first few take longer than all others."""
    return bool(job.timings.steps_per_second) and (job.progress.step or 0) >= FEWEST and not diverged(job)


def _best_known(jobs: Sequence[Job]) -> Sequence[Job]:
    """Those that trained alone; else those of groups whose cost was measured; else all."""
    return [job for job in jobs if _alone(job)] or [job for job in jobs if _share(job)] or jobs


def _as_those(steps: int, same: Sequence[Job]) -> Expected:
    """As past jobs of the same shapes, which are alike in how well their speed is known."""
    speeds = [_speed(job) for job in same]
    mean = exp(sum(map(log, speeds)) / len(speeds))
    reason = f"{steps} steps at {mean:.3g} a second, as in {_counted(same)} of the same shapes"
    spread = max(SPREAD, *(_doubt(job) for job in same))
    ends = steps / max(*speeds, mean * spread), steps / min(*speeds, mean / spread)
    if _alone(same[0]):
        sure: tuple[Sure, str] = "high", "Measured on the same kind of device; other jobs on the machine change it."
    elif _share(same[0]):
        reason += ", by what a step together was measured to cost"
        sure = "medium", "They trained together with others, and the cost of that was measured over a few steps."
    else:
        reason += ", between what a step together took and an equal part of it"
        sure = "low", "They trained together with others, and what one of them costs alone was not measured."
    return _expected(steps / mean, ends, f"{reason}.", same, sure)


def _speed(job: Job) -> float:
    """Steps a second that it would have taken alone; of a group of unknown cost the middle of what is possible."""
    together = job.timings.steps_per_second or 1.0
    return together if _alone(job) else together * (_share(job) or _lanes(job) ** 0.5)


def _doubt(job: Job) -> float:
    """The factor that its speed may be off by for what is not known of its group."""
    return 1.0 if _alone(job) or _share(job) else _lanes(job) ** 0.5


def _share(job: Job) -> float | None:
    """Steps of one lane that a step of its group cost, where that was measured."""
    return job.fused.cost if job.fused else None


def _lanes(job: Job) -> int:
    return job.fused.lanes if job.fused else 1


def _scaled(spec: JobSpec, steps: int, job: Job) -> Expected:
    apart, speed = _apart(job, spec), _speed(job)
    seconds = steps * work_of_step(spec) / (work_of_step(job.spec) * speed)
    off = 2.0 ** (0.5 + apart / 2) * _doubt(job)
    reason = (
        f"{steps} steps, at the operations a second of the nearest past job ({2.0**apart:.3g} times apart in work)."
    )
    sure: Sure = "medium" if apart <= FAR and _doubt(job) == 1 else "low"
    why = f"Small models run at a lower speed than large ones: expect to be off by a factor of up to {off:.2g}."
    return _expected(seconds, (seconds / off, seconds * off), reason, [job], (sure, why))


def loss(
    spec: JobSpec, steps: int, law: FittedLaw | None, jobs: Sequence[Job], settings: Sequence[Setting]
) -> Expected:
    """By the law that is told, else by the past jobs that are nearest."""
    if law is not None and spec.model.context is not None:
        return _by_law(spec, steps, law)
    alike = [each for each in settings if _learnt(each.spec) == _learnt(spec)]
    found = min(alike, key=lambda each: distance(each, spec, steps), default=None)
    if found is None or (far := distance(found, spec, steps)) > NEAR:
        return _nothing("No past job on this data is near enough.")
    finite = [value for value in found.losses.values() if isfinite(value)]
    least, most = min(finite), max(finite)
    value = least if spec.units.tune else _at(found, log2(float(spec.units.learning_rate or 1)))
    there = [job for job in jobs if job.id in found.jobs]
    reason = f"The loss of {_counted(there)} {'of the same settings' if far <= LIKE else f'{far:.1f} octaves away'}."
    sure: Sure = "high" if far <= LIKE and len(there) > 1 else "medium" if far <= LIKE else "low"
    why = "Seeds differ." if far <= LIKE else "Nothing is added for sizes, batch or steps that differ."
    return _expected(value, (min(least, value), max(most, value)), reason, there, (sure, why))


def _by_law(spec: JobSpec, steps: int, law: FittedLaw) -> Expected:
    parameters = weights(spec)
    tokens = float(steps) * int(spec.units.batch_size or 1) * int(spec.model.context or 1)
    value = law.E + law.A / parameters**law.alpha + law.B / tokens**law.beta
    reason = f"The law at N = {parameters:.3g} parameters (estimated) and D = {tokens:.3g} tokens."
    why = "As good as the law is there; a rate that is off costs more."
    return _expected(value, (value * 0.95, value * 1.05), reason, [], ("medium", why))


def _at(found: Setting, rate: float) -> float:
    """The loss of the past rate that is nearest, of those that did not diverge."""
    finite = {each: value for each, value in found.losses.items() if isfinite(value)}
    return finite[min(finite, key=lambda each: abs(each - rate))]


def _price(spec: JobSpec, seconds: Expected, jobs: Sequence[Job], price: float | None) -> Expected:
    """Seconds on the devices, at what an hour of one costs: the operator's setting, or what past jobs were charged."""
    hourly, source = price, "the service's setting"
    if hourly is None:
        hourly, source = _charged(jobs, spec.resources.device), "what past jobs cost"
    if hourly is None:
        return _nothing("No price of a device hour is set.")
    if seconds.value is None:
        return _nothing(f"The time is not known: {seconds.reason}")
    factor = hourly * spec.resources.devices / HOUR_SECONDS
    low, high = (seconds.low or 0.0) * factor, (seconds.high or 0.0) * factor
    reason = f"{hourly:g} a device hour, by {source}."
    return Expected(
        value=seconds.value * factor,
        low=low,
        high=high,
        reason=reason,
        jobs=seconds.jobs,
        sure=seconds.sure,
        why_sure="As sure as the time. Tuning and evaluation come on top.",
    )


def _charged(jobs: Sequence[Job], device: str) -> float | None:
    for job in jobs:
        paid, seconds = job.result.price if job.result else None, job.timings.training_seconds
        if paid and seconds and job.spec.resources.device == device:
            return paid / seconds * HOUR_SECONDS / job.spec.resources.devices
    return None


def _apart(job: Job, spec: JobSpec) -> float:
    """Octaves between the work of two steps."""
    return abs(log2(work_of_step(job.spec) / work_of_step(spec)))


def _alone(job: Job) -> bool:
    """Whether its steps were its own alone."""
    return _lanes(job) == 1


def _place(spec: JobSpec) -> tuple[object, ...]:
    """What a speed cannot be carried across."""
    resources = spec.resources
    return spec.model.kind, spec.units.precision, resources.device, resources.devices, resources.compile


def _shapes(spec: JobSpec) -> tuple[object, ...]:
    units = spec.units
    return spec.model, units.batch_size, units.micro_batch_size, units.parametrization, spec.optimizer.name, spec.data


def _learnt(spec: JobSpec) -> tuple[object, ...]:
    """What losses cannot be compared across."""
    return spec.task, spec.dataset, spec.data.tokenizer, spec.data.vocabulary, spec.model.kind


def _counted(jobs: Sequence[Job]) -> str:
    return "a past job" if len(jobs) == 1 else f"{len(jobs)} past jobs"


def _expected(
    value: float, ends: tuple[float, float], reason: str, jobs: Sequence[Job], sure: tuple[Sure, str]
) -> Expected:
    ids = tuple(job.id for job in jobs)
    return Expected(value=value, low=ends[0], high=ends[1], reason=reason, jobs=ids, sure=sure[0], why_sure=sure[1])


def _nothing(reason: str) -> Expected:
    return Expected(value=None, low=None, high=None, reason=reason, sure="low", why_sure="Nothing to go by.")
