"""The other units: parametrization, number format, batch size."""

from collections.abc import Collection, Sequence
from math import floor, log2

from app.analysis.advice.past import Setting
from unitscale.models.advice import Known, Recommended, Sure
from unitscale.models.jobs import Job
from unitscale.models.specs import JobSpec
from unitscale.models.tuned import Rule
from unitscale.models.tuning import work_of_step
from unitscale.models.units import Parametrization, Precision

FASTER = 1.1
"""Times the speed from which another number format is worth it."""
AS_GOOD = 0.01
"""Relative difference of losses that still counts as none."""
SMALLEST, LARGEST = 8, 65_536
CERTAIN = 2.0
"""The interval of a noise scale that is known well: its ends are within this of each other, squared."""

MIXED_ON_GPU = Precision.BF16_MIXED


def given(value: float | str) -> Recommended:
    """A unit that the spec itself decides."""
    return Recommended(value=value, reason="The spec gives it.", sure="high", why_sure="It is yours.")


def parametrization(
    spec: JobSpec,
    decided: bool,
    usual_width: int | None,
    trainable: bool,
    settings: Sequence[Setting],
    rule: Rule | None = None,
) -> Recommended:
    """u-μP where a model is wider than any whose rate was tuned; `trainable` says whether this kind has it, and `rule`
    how its rates were measured to move."""
    units, width = spec.units, spec.model.width
    if decided:
        return given(units.parametrization.value)
    tuned = [each for each in settings if (each.swept or each.tuned) and each.spec.model.kind == spec.model.kind]
    widest = max((each.spec.model.width or 0 for each in tuned), default=usual_width or 0)
    if trainable and width and width > widest:
        reason = f"Width {width} is beyond {widest}, the widest whose rates were tuned: under u-μP they {_fare(rule)}."
        jobs = tuple(job for each in tuned for job in each.jobs)
        why = "Measured on decoders; the loss itself is about that of sp tuned at each width, not lower."
        return Recommended(value=Parametrization.UMUP.value, reason=reason, jobs=jobs, sure="medium", why_sure=why)
    reason = f"Nothing is scaled beyond width {widest}, whose rates are known." if width else "There is no width."
    return Recommended(value=units.parametrization.value, reason=reason, sure="medium", why_sure="It is the default.")


def _fare(rule: Rule | None) -> str:
    if rule is None or not rule.octaves_per_doubling:
        return "stay the best" + (f", by {rule.source}" if rule else "")
    return f"move by {rule.octaves_per_doubling:+.3g} octaves per doubling, by {rule.source}"


def precision(spec: JobSpec, decided: bool, offered: Collection[str], jobs: Sequence[Job]) -> Recommended:
    """What past jobs measured to be faster and as good; bf16-mixed on a GPU that has it; else fp32."""
    units = spec.units
    if decided:
        return given(units.precision.value)
    if (measured := _measured_faster(spec, offered, jobs)) is not None:
        return measured
    if spec.resources.device == "cuda" and MIXED_ON_GPU.value in offered:
        why = "GPUs compute in it at many times the speed of fp32; how much here has not been measured."
        return Recommended(value=MIXED_ON_GPU.value, reason="A GPU that has bf16.", sure="medium", why_sure=why)
    reason = "No past job measured another format to be faster and as good here."
    return Recommended(value=units.precision.value, reason=reason, sure="medium", why_sure="fp32 is safe everywhere.")


def batch(spec: JobSpec, decided: bool, examples: int, known: Known, jobs: Sequence[Job]) -> Recommended:
    """The power of two next to the noise scale, as it is told or as past jobs measured it."""
    size = int(spec.units.batch_size or 1)
    if decided:
        return given(size)
    if known.noise_scale is not None:
        return _of_noise(known.noise_scale, examples, "as given", (), ("medium", "You measured it."))
    if (job := _with_noise(spec, jobs)) is not None:
        noise, sure = _noise_of(job)
        where = f"measured by a past job on {job.spec.dataset}"
        return _of_noise(noise, examples, where, (job.id,), sure)
    why = "No past job on this data measured its noise; `batch_size: auto` or `diagnostics.noise_scale` does."
    return Recommended(value=size, reason="The task's default.", sure="low", why_sure=why)


def _of_noise(noise: float, examples: int, where: str, jobs: tuple[str, ...], sure: tuple[Sure, str]) -> Recommended:
    most = 2 ** floor(log2(max(1, examples)))
    value = min(max(2 ** round(log2(max(noise, 1.0))), SMALLEST), LARGEST, most)
    reason = f"The power of two next to the noise scale of {noise:.3g} examples, {where}; at least {SMALLEST}"
    reason += ", no more than the training split."
    return Recommended(value=value, reason=reason, jobs=jobs, sure=sure[0], why_sure=sure[1])


def _with_noise(spec: JobSpec, jobs: Sequence[Job]) -> Job | None:
    """The past job on this data whose work is nearest, of those that measured their noise."""
    there = [
        job
        for job in jobs
        if job.spec.dataset == spec.dataset and job.spec.optimizer.name == spec.optimizer.name and _noise_of(job)[0] > 0
    ]
    return min(there, key=lambda job: abs(log2(work_of_step(job.spec) / work_of_step(spec))), default=None)


def _noise_of(job: Job) -> tuple[float, tuple[Sure, str]]:
    """Of the gradients as the optimizer saw them, and how sure that is; 0 where it was not measured."""
    noise = job.result.noise if job.result else None
    if noise is None:
        short = job.tuned.batch_size.noise_scale if job.tuned and job.tuned.batch_size else None
        return short or 0.0, ("medium", "Of a short run, early in training.")
    adam = job.spec.optimizer.name == "adamw"
    value, low, high = (
        (noise.preconditioned, noise.preconditioned_low, noise.preconditioned_high)
        if adam
        else (noise.value, noise.low, noise.high)
    )
    if low and high and high / low < CERTAIN**2:
        return value or 0.0, ("high", f"Its interval is {low:.3g} to {high:.3g}.")
    return value or 0.0, ("medium", "Its interval is wide, or open.")


def _measured_faster(spec: JobSpec, offered: Collection[str], jobs: Sequence[Job]) -> Recommended | None:
    """The fastest format that was as good as the present one, in jobs that differ in it alone."""
    alike = [job for job in jobs if _but_for_precision(job.spec) == _but_for_precision(spec)]
    usual = [job for job in alike if job.spec.units.precision is spec.units.precision]
    others = [job for job in alike if job.spec.units.precision.value in offered and job not in usual]
    if not usual or not others:
        return None
    best = max(others, key=_speed)
    gain, worse = _speed(best) / max(1e-9, *map(_speed, usual)), _loss(best) - min(map(_loss, usual))
    if gain < FASTER or worse > AS_GOOD * abs(min(map(_loss, usual))):
        return None
    reason = f"{gain:.2f} times the speed of {spec.units.precision.value} in past jobs, their loss {worse:+.4f}."
    ids = (best.id, *(job.id for job in usual))
    why = "The same model, data and batch." if gain > FASTER**2 else "The gain is small."
    sure: Sure = "high" if gain > FASTER**2 else "medium"
    return Recommended(value=best.spec.units.precision.value, reason=reason, jobs=ids, sure=sure, why_sure=why)


def _but_for_precision(spec: JobSpec) -> tuple[object, ...]:
    units, resources = spec.units, spec.resources
    return (
        (spec.task, spec.dataset, spec.model, units.parametrization, units.batch_size),
        (resources.device, resources.devices, resources.compile),
    )


def _speed(job: Job) -> float:
    return job.timings.steps_per_second or 0.0


def _loss(job: Job) -> float:
    return job.result.val_loss if job.result and job.result.val_loss is not None else float("inf")
