"""The monitor of a training loop: it evaluates, saves, obeys, and ends each job of a group.  K lanes."""

import time
from collections.abc import Mapping, Sequence
from math import isfinite

import torch
from torch import Tensor

from unitscale.errors import Diverged, Impossible
from unitscale.models.jobs import Reason
from worker.pipe import Ended, Started, Stop, Stopped
from worker.trainer.assembly.assemble import Assembly
from worker.trainer.engine.loop import train
from worker.trainer.engine.timing import Clock
from worker.trainer.process.channel import Channel
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs import snapshots
from worker.trainer.runs.endings import Endings
from worker.trainer.runs.reporter import Measured, Reporter
from worker.trainer.runs.results import StoppedBy
from worker.trainer.runs.run import Run
from worker.trainer.runs.saver import Saver

BUSY_SECONDS = 0.02  # until a checkpoint is asked for again while another one is being written


class AllOver(Exception):
    """The loop's way out: no run is open."""


class Monitor:
    """Watches the loop: measures, saves, obeys and ends. Between such moments a step costs it one comparison each."""

    def __init__(
        self, runs: Sequence[Run], assembly: Assembly, channel: Channel, interrupt: Interrupt, step: int
    ) -> None:
        self._runs, self._assembly, self._channel, self._interrupt = runs, assembly, channel, interrupt
        self._clock = Clock()
        self._reporter = Reporter(channel, interrupt, self._clock, runs, step, assembly)
        self._saver = Saver(channel)
        self._endings = Endings(assembly, self._clock, channel, interrupt, len(runs))
        self._first = self._look_at = step + 1
        self._alarm = 0.0
        self._noise = assembly.learner.noise
        self._scales_every = runs[0].lane.spec.diagnostics.scales_every
        self._saves_every = runs[0].lane.spec.checkpoint.every_steps
        self._every = int(runs[0].lane.spec.evaluation.every_steps or assembly.steps)

    def train(self, done: int) -> None:
        """Take all steps after `done`."""
        batches = self._assembly.batches.start(done + 1)
        if done == self._assembly.steps:
            self._end_at_once(done)
            return
        if done == 0 and self._assembly.scales is not None:
            self._assembly.scales.remember(next(self._assembly.batches.start(1)))
        with self._reporter:
            try:
                train(self._assembly.learner, batches, done + 1, self._assembly.steps, self._observe)
                raise Impossible(f"The run has {self._assembly.steps} steps and stands at step {done}.")
            except AllOver:
                self._saver.wait()

    def _end_at_once(self, step: int) -> None:
        """All steps are done: an attempt before this one saved the last of them, and could not tell of its end."""
        self._tell_of_start()
        self._end({run.place: "budget" for run in self._runs}, self._measure(step, self._runs))

    def _observe(self, step: int, losses: Tensor) -> None:
        if step < self._look_at and not self._interrupt.pending and time.perf_counter() < self._alarm:
            self._reporter.settle(losses)
        else:
            self._attend(step, losses)

    def _attend(self, step: int, losses: Tensor) -> None:
        """Do all that is due at this step; leave the loop when nothing remains to be trained."""
        if step == self._first:
            self._start(losses)
        ending = self._out_of_time()
        due = self._is_due(step)
        measured = self._measure(step, self._open() if due else list(ending))
        for place, values in measured.items() if due else ():
            self._assembly.rates.hear(place, values["val_loss"])
        seen = _both(self._measure_scales(step), self._hear_noise(step))
        self._reporter.settle_measured(step, losses, _both(measured, seen))
        self._judge(step, measured)
        self._end(self._ending(step, measured, ending), measured)
        self._obey(step, self._interrupt.take())
        self._save_due(step)
        self._fail()
        if not self._open():
            raise AllOver
        self._look_ahead(step)

    def _open(self) -> list[Run]:
        return [run for run in self._runs if run.open]

    def _start(self, losses: Tensor) -> None:
        if losses.is_cuda:
            torch.cuda.synchronize()
        self._tell_of_start()
        self._reporter.begin()

    def _tell_of_start(self) -> None:
        now, lanes, parameters = time.perf_counter(), len(self._runs), self._assembly.learner.weights.parameters
        for run in self._runs:
            started = Started(job=run.lane.job, steps=self._assembly.steps, parameters=parameters, lanes=lanes)
            self._channel.send(started)
            run.next_save = now + self._save_seconds(run)

    def _save_seconds(self, run: Run) -> float:
        """Until its next checkpoint is due, where steps do not say it."""
        return float("inf") if self._saves_every else run.lane.spec.checkpoint.every_seconds

    def _is_due(self, step: int) -> bool:
        return step % self._every == 0 or step == self._assembly.steps

    def _out_of_time(self) -> list[Run]:
        return [run for run in self._open() if self._seconds_left(run) <= 0]

    def _seconds_left(self, run: Run) -> float:
        most = run.lane.spec.budget.max_seconds
        return float("inf") if most is None else most - self._trained(run)

    def _trained(self, run: Run) -> float:
        """Seconds of training, over all attempts."""
        return run.training_before + self._clock.training()

    def _measure(self, step: int, runs: Sequence[Run]) -> Measured:
        """Evaluate these runs on the validation split."""
        if not runs:
            return {}
        evaluator, rates = self._assembly.validation, self._assembly.rates.floats(step)
        with self._clock.evaluating():
            outputs = evaluator.outputs()
            losses = evaluator.losses(outputs)
            return {
                run.place: {
                    "val_loss": losses[run.place],
                    **{f"val_{name}": value for name, value in evaluator.metrics(outputs, run.place).items()},
                    "learning_rate": rates[run.place],
                }
                for run in runs
            }

    def _judge(self, step: int, measured: Measured) -> None:
        """A validation loss that is no number is a divergence, too, though the training loss may still be one."""
        wild = {place: loss for place, values in measured.items() if not isfinite(loss := values["val_loss"])}
        if wild:
            self._reporter.flush()  # which finds a training loss that was none before
        for place, loss in wild.items():
            self._runs[place].failure = self._runs[place].failure or Diverged(step, loss)

    def _measure_scales(self, step: int) -> Measured:
        """How large things are, on the batch of this step under the weights that it leaves."""
        scales, every = self._assembly.scales, self._scales_every
        if scales is None or every is None or (step % every and step != 1):
            return {}
        with self._clock.evaluating():
            found = scales.measure(next(self._assembly.batches.start(step)))
            return {run.place: found[run.place] for run in self._open()}

    def _hear_noise(self, step: int) -> Measured:
        """What was measured of the noise at this step; batches that follow it may grow."""
        points = self._noise.points(step) if self._noise else {}
        if points and self._assembly.following is not None:
            points[0]["batch_size"] = self._assembly.following.size(step)
            self._assembly.hear_noise(step)
        return points

    def _ending(self, step: int, measured: Measured, out_of_time: Sequence[Run]) -> dict[int, StoppedBy]:
        """Which lanes end at this step, and why: what is the same on every machine goes first."""
        ending: dict[int, StoppedBy] = {run.place: "max_seconds" for run in out_of_time}
        if step == self._assembly.steps:
            ending = {run.place: "budget" for run in self._open()}
        for place, values in measured.items():
            target = self._runs[place].lane.spec.budget.target_loss
            if target is not None and values["val_loss"] <= target:
                ending[place] = "target_loss"
        return ending

    def _end(self, ending: Mapping[int, StoppedBy], measured: Measured) -> None:
        """Read the test split, leave the files and tell the result, for each lane that ends and has not failed."""
        if not ending:
            return
        self._reporter.flush()
        if self._saves_every:  # the last step is one to start from
            self._save(self._assembly.steps, [self._runs[place] for place, why in ending.items() if why == "budget"])
        self._saver.wait()
        good = [self._runs[place] for place in ending if self._runs[place].failure is None]
        self._endings.succeed(good, ending, measured)

    def _obey(self, step: int, stops: Mapping[str, Stop]) -> None:
        """Stop what is to be stopped. A worker that leaves does so for all: they go on together, from one step."""
        leaving = any(stop.why == "leave" for stop in stops.values())
        why = {run.place: _why(stops.get(run.lane.job), leaving) for run in self._open()}
        stopping = [run for run in self._open() if why[run.place]]
        if not stopping:
            return
        self._reporter.flush()
        self._save(step, [run for run in stopping if why[run.place] != "cancel"])
        self._saver.wait()
        for run in (run for run in stopping if run.failure is None):
            run.open = False
            self._channel.send(Stopped(job=run.lane.job, why=why[run.place]))

    def _save_due(self, step: int) -> None:
        """When one is due all are saved: lost together, they go on together, from one step."""
        now = time.perf_counter()
        if self._saves_every:
            due = step % self._saves_every == 0
        else:
            due = not self._saver.busy and any(now >= run.next_save for run in self._open())
        if due:
            self._save(step, self._open())
        for run in self._open() if due else ():
            run.next_save = now + self._save_seconds(run)

    def _save(self, step: int, runs: Sequence[Run]) -> None:
        """Have checkpoints of this step written, after all its points."""
        if not runs:
            return
        self._reporter.flush()
        good = [run for run in runs if run.failure is None]
        copies = [(run, snapshots.take(step, run, self._assembly, self._clock)) for run in good]
        for copying in self._saver.save(copies):
            self._assembly.learner.weights.lend(copying)

    def _fail(self) -> None:
        """Tell the end of runs whose loss is no longer a number."""
        for run in self._open():
            if run.failure is not None:
                self._saver.wait()
                run.open = False
                reason = Reason(code=run.failure.code, message=run.failure.message)
                self._channel.send(Ended(job=run.lane.job, reason=reason))

    def _look_ahead(self, step: int) -> None:
        """Set step and time of the next look."""
        everies = (
            self._every,
            self._scales_every or self._every,
            self._saves_every or self._every,
            self._noise.every if self._noise else self._every,
        )
        self._look_at = min(self._assembly.steps, *((step // every + 1) * every for every in everies))
        now, runs = time.perf_counter(), self._open()
        saves = min(max(run.next_save, now + BUSY_SECONDS * self._saver.busy) for run in runs)
        self._alarm = min(saves, now + min(self._seconds_left(run) for run in runs))


def _why(stop: Stop | None, leaving: bool) -> str | None:
    return stop.why if stop else "leave" if leaving else None


def _both(one: Measured, other: Measured) -> Measured:
    if not one or not other:
        return one or other
    return {place: {**one.get(place, {}), **other.get(place, {})} for place in {**one, **other}}
