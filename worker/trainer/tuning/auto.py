"""Tuning: what `auto` becomes, found by small runs before a job's first step.  K lanes."""

import sys
import time
import traceback
from collections.abc import Callable, Sequence
from math import isfinite, log2
from pathlib import Path

from torch import Tensor

from unitscale.errors import Impossible, Internal
from unitscale.models import tuning
from unitscale.models.datasets import Volume
from unitscale.models.resolution import settled, total_steps
from unitscale.models.specs import JobSpec
from unitscale.models.tuned import Tried, Tuned, TunedBatch, TunedRate
from unitscale.models.tuning import Plan, moved
from unitscale.models.units import LEAST_RATE, MOST_RATE
from unitscale.models.vertices import Losses, edge, lowest, vertex
from worker.pipe import Ended, Lane, Settled, Stopped, Train
from worker.trainer.assembly import sources
from worker.trainer.assembly.assemble import Assembly, assemble
from worker.trainer.engine.loop import train
from worker.trainer.process.channel import Channel
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs.group import reason_for
from worker.trainer.tuning import batch_sizes

COARSE = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Octaves from where tuning starts."""
LOWEST, HIGHEST = log2(LEAST_RATE), log2(MOST_RATE)
EXTENSIONS = 2
FINE = 0.5
"""Octaves from the best to the rates that are tried beside it."""


class Halted(Exception):
    """The way out of a small run: a stop is wished."""


class TooLong(Exception):
    """The way out of a small run: it takes more than its share of `max_seconds`."""


def settle(order: Train, channel: Channel, interrupt: Interrupt, library: Path) -> Train | None:
    """The order with a number for every `auto`; None where its job has ended or stopped meanwhile."""
    if not any(lane.spec.units.tune for lane in order.lanes):
        return order
    lane = order.lanes[0]
    try:
        if len(order.lanes) > 1:
            raise Impossible("Jobs that are still to be tuned are trained one by one, not together.")
        settled = Tuner(lane, order.devices[0], library, interrupt).settled()
    except Halted:
        channel.send(Stopped(job=lane.job, why=interrupt.take()[lane.job].why))
        return None
    except Exception as error:  # the end of a job must be told, whatever its reason
        _tell_end(order, channel, error)
        return None
    channel.send(settled)
    return order.model_copy(update={"lanes": (lane.model_copy(update={"spec": settled.spec}),)})


def _tell_end(order: Train, channel: Channel, error: Exception) -> None:
    reason = reason_for(error)
    if reason.code == Internal.code:
        traceback.print_exception(error)
    for lane in order.lanes:
        channel.send(Ended(job=lane.job, reason=reason))


class Tuner:
    """Finds the units of one job that are still open: the batch first, then the rate at that batch.

    The same spec finds the same numbers, whatever happened to earlier attempts.
    """

    def __init__(self, lane: Lane, device: str, library: Path, interrupt: Interrupt) -> None:
        self._lane, self._device, self._library, self._interrupt = lane, device, library, interrupt
        self._began = time.perf_counter()
        most = lane.spec.budget.max_seconds
        self._until = float("inf") if most is None else self._began + tuning.SHARE * most

    def settled(self) -> Settled:
        """The job's spec with its numbers, and how they were found."""
        spec, volume = self._lane.spec, self._volume()
        batch = self._batch(spec, volume) if "batch_size" in spec.units.tune else None
        size = batch.value if batch else int(spec.units.batch_size or 1)
        begun = settled(spec, volume, self._started_at(spec, size), size)
        rate = self._rate(begun, spec, volume) if "learning_rate" in spec.units.tune else None
        done = settled(spec, volume, rate.value if rate else float(spec.units.learning_rate or 0), size)
        seconds = time.perf_counter() - self._began
        tuned = Tuned(learning_rate=rate, batch_size=batch, seconds=seconds)
        _say(f"done in {seconds:.1f} s")
        return Settled(job=self._lane.job, spec=done, steps=total_steps(done, volume), tuned=tuned)

    def _volume(self) -> Volume | None:
        uploaded = self._lane.dataset
        source = sources.uploaded(Path(uploaded)) if uploaded else sources.bundled(self._dataset(), self._library)
        return source.volume

    def _dataset(self) -> str:
        return str(self._lane.spec.dataset)

    def _started_at(self, spec: JobSpec, size: int) -> float:
        """The rate where tuning starts: it goes with the root of the batch under AdamW."""
        rate, usual = float(spec.units.learning_rate or 0), int(spec.units.batch_size or 1)
        tuned = "learning_rate" in spec.units.tune
        return tuning.bounded(rate * (size / usual) ** 0.5) if tuned and spec.optimizer.name == "adamw" else rate

    def _batch(self, spec: JobSpec, volume: Volume | None) -> TunedBatch:
        """By the noise of a short run, and by memory."""
        try:
            found = batch_sizes.found(spec, volume, self._run, batch_sizes.memory_of(self._device))
        except TooLong:
            found = batch_sizes.usual(spec, f"its run took more than {tuning.SHARE:.0%} of max_seconds")
        _say(f"batch size {found.value}: {found.why}")
        return found

    def _rate(self, spec: JobSpec, open_spec: JobSpec, volume: Volume | None) -> TunedRate:
        """By a grid on a proxy, moved to the job's width."""
        steps = total_steps(spec, volume)
        spec = spec.model_copy(update={"units": spec.units.model_copy(update={"rule": open_spec.units.rule})})
        planned = tuning.plan(spec, steps)
        if isinstance(planned, str):
            return _usual(spec, f"no proxy pays: {planned}")
        _say(f"the learning rate, on {tuning.described(planned, spec.model.width)}")
        try:
            tried = self._searched(spec, planned)
        except TooLong:
            return _usual(spec, f"the proxies took more than {tuning.SHARE:.0%} of max_seconds")
        return _read(spec, planned, tried)

    def _searched(self, spec: JobSpec, planned: Plan) -> Losses:
        """log2 of a rate → its loss: five rates, more beyond an edge, and two around the best."""
        rule, proxy = spec.units.rule, planned.proxy
        centre = log2(moved(float(spec.units.learning_rate or 1), rule, spec.model.width, proxy.width))
        tried = self._tried(planned, [centre + octaves for octaves in COARSE])
        for _ in range(EXTENSIONS):
            if not (side := edge(tried)):
                break
            end = max(tried) if side > 0 else min(tried)
            tried |= self._tried(planned, [end + side, end + 2 * side])
        best = lowest(tried)
        return tried | self._tried(planned, [best - FINE, best + FINE]) if isfinite(tried[best]) else tried

    def _tried(self, planned: Plan, rates: Sequence[float]) -> Losses:
        """The losses of these rates, as far as jobs take them, trained together."""
        rates = list(dict.fromkeys(min(max(rate, LOWEST), HIGHEST) for rate in rates))
        specs = [_at(planned.spec, 2.0**rate) for rate in rates]
        assembly = self._run(specs, "rates " + ", ".join(f"{2.0**rate:.3g}" for rate in rates))
        evaluator = assembly.validation
        losses = evaluator.losses(evaluator.outputs())
        _say("losses " + ", ".join(f"{loss:.4f}" for loss in losses))
        return {rate: loss if isfinite(loss) else float("inf") for rate, loss in zip(rates, losses, strict=True)}

    def _run(self, specs: Sequence[JobSpec], what: str, ready: Callable[[Assembly], None] | None = None) -> Assembly:
        """Train these specs together to their end. Raises Halted, TooLong."""
        _say(f"{what}: {specs[0].budget.steps} steps")
        assembly = assemble(specs, self._device, self._library, self._lane.dataset)
        if ready is not None:
            ready(assembly)
        train(assembly.learner, assembly.batches.start(1), 1, assembly.steps, self._observe)
        return assembly

    def _observe(self, _step: int, _losses: Tensor) -> None:
        if self._interrupt.pending and self._interrupt.wished(self._lane.job):
            raise Halted
        if time.perf_counter() > self._until:
            raise TooLong


def _at(spec: JobSpec, rate: float) -> JobSpec:
    return spec.model_copy(update={"units": spec.units.model_copy(update={"learning_rate": rate})})


def _read(spec: JobSpec, planned: Plan, tried: Losses) -> TunedRate:
    """The rate that the losses of a proxy speak for, at the job's width."""
    best = vertex(tried)
    if best is None:
        return _usual(spec, "every rate diverged on the proxy", tried)
    rule, proxy, width = spec.units.rule, planned.proxy, spec.model.width
    value = _rounded(moved(2.0**best, rule, proxy.width, width))
    why = f"{2.0**best:.3g} is best of {len(tried)} rates on {tuning.described(planned, spec.model.width)}"
    if edge(tried):
        why += ", at the edge of what was tried"
    if moves := tuning.carried(rule, proxy.width, width):
        why += f"; {moves}"
    return TunedRate(value=value, why=f"{why}.", proxy=proxy, rule=rule, vertex=2.0**best, tried=_listed(tried))


def _usual(spec: JobSpec, why: str, tried: Losses | None = None) -> TunedRate:
    value, where = _rounded(float(spec.units.learning_rate or 0)), tuning.untuned(spec)
    _say(f"the default learning rate {value:g}: {why}")
    words = f"{where[0].upper()}{where[1:]}: {why}. {tuning.UNREAD}"
    return TunedRate(value=value, why=words, rule=spec.units.rule, tried=_listed(tried or {}))


def _listed(tried: Losses) -> tuple[Tried, ...]:
    return tuple(Tried(learning_rate=2.0**rate, loss=tried[rate]) for rate in sorted(tried))


def _rounded(rate: float) -> float:
    """Three digits: a number that can be said and sent again."""
    return float(f"{rate:.3g}")


def _say(words: str) -> None:
    """A line of the job's log, which its follower sees."""
    sys.stderr.write(f"tuning: {words}\n")
    sys.stderr.flush()
