"""Past jobs, by what they have in common: one setting, trained at one rate or at several."""

from collections.abc import Iterable, Mapping, Sequence
from math import inf, log2
from typing import NamedTuple

from unitscale.errors import Diverged
from unitscale.models.jobs import Job, State
from unitscale.models.parabolas import least
from unitscale.models.specs import JobSpec
from unitscale.models.vertices import edge, vertex

SWEPT = 3
"""Rates that make a parabola."""
OWN = {"name", "labels", "seed", "units", "evaluation", "diagnostics", "checkpoint", "resources", "priority"}
"""Fields that do not part settings; of the units the rate does not, nor what only tuning needs."""
OTHER_DATA = 2.0
OTHER_SCHEDULE = 0.5
FEW_RATES = 3.0
"""What these count in a distance, in octaves of width."""


class Setting(NamedTuple):
    """Jobs that differ in their learning rate and seed alone."""

    spec: JobSpec
    steps: int
    losses: Mapping[float, float]
    """log2 of a rate → the mean of its jobs' validation losses."""
    jobs: tuple[str, ...]
    tuned: bool
    """Whether the rate of one of them was tuned on a proxy."""
    compared: Mapping[float, float]
    """Those of the losses that have as many runs as any, where the best lies among them: the mean of fewer seeds is no
    fair comparison."""
    averaged: bool
    """Whether the best rate is read as a transfer reads it; few runs, one each, are steadied by far rates."""

    @property
    def swept(self) -> bool:
        """Whether the best rate lies between others."""
        return len(self.compared) >= SWEPT and not edge(self.compared)

    @property
    def best(self) -> float:
        """log2 of the rate that its losses speak for."""
        if self.averaged:
            rates = sorted(self.compared)
            return least(rates, [self.compared[rate] for rate in rates])
        found = vertex(self.compared)
        return next(iter(self.compared)) if found is None else found


def usable(jobs: Iterable[Job], task: str) -> list[Job]:
    """Those that trained from first weights to the end of their budget, and those that diverged on the way."""
    mine = (job for job in jobs if job.spec.task == task and job.spec.init_from is None)
    return [job for job in mine if _ran_its_course(job) or diverged(job)]


def diverged(job: Job) -> bool:
    """Whether its rate was too large: what it says of a rate is an infinite loss, and it says nothing of time."""
    return job.state is State.FAILED and job.reason is not None and job.reason.code == Diverged.code


def _ran_its_course(job: Job) -> bool:
    ended = job.result if job.state is State.SUCCEEDED else None
    return ended is not None and ended.stopped_by == "budget" and ended.val_loss is not None


def settings(jobs: Sequence[Job]) -> list[Setting]:
    """The settings that these jobs trained, but those of which every job diverged."""
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(_key(job), []).append(job)
    return [_setting(group) for group in groups.values() if not all(map(diverged, group))]


def nearest(settings: Iterable[Setting], spec: JobSpec, steps: int) -> Setting | None:
    """The setting from which a rate for this spec follows best; None where none is of its kind."""
    there = [each for each in settings if _kind(each.spec) == _kind(spec)]
    return min(there, key=lambda each: distance(each, spec, steps) + FEW_RATES * _thin(each), default=None)


def distance(setting: Setting, spec: JobSpec, steps: int) -> float:
    """How far a setting lies from a spec, in octaves of width."""
    there, one, other = setting.spec, setting.spec.model, spec.model
    return (
        octaves(one.width, other.width)
        + octaves(one.depth, other.depth)
        + octaves(one.context, other.context) / 2
        + octaves(_batch(there), _batch(spec)) / 2
        + octaves(setting.steps, steps) / 2
        + OTHER_DATA * (there.dataset != spec.dataset)
        + OTHER_SCHEDULE * (there.schedule.name != spec.schedule.name)
        + OTHER_SCHEDULE * (there.units.precision is not spec.units.precision)
    )


def octaves(one: float | None, other: float | None) -> float:
    """Between two sizes; none where neither has one."""
    if not one or not other:
        return 0.0 if one == other else inf
    return abs(log2(one / other))


def _batch(spec: JobSpec) -> int:
    return int(spec.units.batch_size or 1)


def _thin(setting: Setting) -> bool:
    return not (setting.swept or setting.tuned)


def _kind(spec: JobSpec) -> tuple[object, ...]:
    """What rates cannot be carried across."""
    return spec.task, spec.model.kind, spec.units.parametrization, spec.units.base_width, spec.optimizer.name


def _key(job: Job) -> str:
    spec = job.spec
    units = spec.units.model_dump_json(exclude={"learning_rate", "tune", "rule"})
    return f"{spec.model_dump_json(exclude=OWN)} {units} {job.progress.steps}"


def _setting(jobs: Sequence[Job]) -> Setting:
    losses: dict[float, list[float]] = {}
    for job in jobs:
        rate, loss = float(job.spec.units.learning_rate or 1), job.result.val_loss if job.result else None
        losses.setdefault(log2(rate), []).append(inf if loss is None else loss)
    means = {rate: sum(of_rate) / len(of_rate) for rate, of_rate in losses.items()}
    most = max(map(len, losses.values()))
    full = {rate: mean for rate, mean in means.items() if len(losses[rate]) == most}
    compared = full if len(full) >= SWEPT and not edge(full) else means
    averaged = most > 1 or any(job.transfer for job in jobs)
    tuned = any(job.tuned and job.tuned.learning_rate and job.tuned.learning_rate.proxy for job in jobs)
    steps, ids = jobs[0].progress.steps or 1, tuple(job.id for job in jobs)
    return Setting(jobs[0].spec, steps, means, ids, tuned, compared, averaged)
