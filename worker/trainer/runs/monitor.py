"""The watch over a training loop: it measures, saves, obeys, and ends each job of a group.  K lanes."""

import time
from collections.abc import Mapping, Sequence
from math import isfinite

import torch
from torch import Tensor

from unitscale.errors import Diverged, Impossible
from unitscale.models.formats import Format
from unitscale.models.jobs import Reason
from worker.pipe import Ended, Started, Stop, Stopped
from worker.trainer.assembly.assemble import Assembly
from worker.trainer.deployment.measuring import deployments
from worker.trainer.deployment.serving import file_of
from worker.trainer.engine.loop import train
from worker.trainer.engine.timing import Clock
from worker.trainer.process.channel import Line
from worker.trainer.process.interrupt import Bell
from worker.trainer.runs import results, snapshots
from worker.trainer.runs.reporter import Measured, Reporter
from worker.trainer.runs.results import StoppedBy
from worker.trainer.runs.run import Course
from worker.trainer.runs.saver import Saver

HOUR_SECONDS = 3600.0
BUSY_SECONDS = 0.02  # until a checkpoint is asked for again while another one is being written


class AllOver(Exception):
    """The loop's way out: no course is open."""


class Watch:
    """Watches the loop: measures, saves, obeys and ends. Between such moments a step costs it one comparison each."""

    def __init__(self, courses: Sequence[Course], assembly: Assembly, line: Line, bell: Bell, step: int) -> None:
        self._courses, self._assembly, self._line, self._bell = courses, assembly, line, bell
        self._clock = Clock()
        self._reporter = Reporter(line, bell, self._clock, courses, step, assembly)
        self._saver = Saver(line)
        self._first = self._look_at = step + 1
        self._alarm = 0.0
        self._noise = assembly.learner.noise
        self._scales_every = courses[0].lane.spec.diagnostics.scales_every
        self._every = int(courses[0].lane.spec.evaluation.every_steps or assembly.steps)

    def train(self, done: int) -> None:
        """Take all steps after `done`."""
        batches = self._assembly.batches.start(done + 1)
        if done == 0 and self._assembly.scales is not None:
            self._assembly.scales.remember(next(self._assembly.batches.start(1)))
        with self._reporter:
            try:
                train(self._assembly.learner, batches, done + 1, self._assembly.steps, self._observe)
                raise Impossible(f"The run has {self._assembly.steps} steps and stands at step {done}.")
            except AllOver:
                self._saver.wait()

    def _observe(self, step: int, losses: Tensor) -> None:
        if step < self._look_at and not self._bell.rung and time.perf_counter() < self._alarm:
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
        self._obey(step, self._bell.answer())
        self._save_due(step)
        self._fail()
        if not self._open():
            raise AllOver
        self._look_ahead(step)

    def _open(self) -> list[Course]:
        return [course for course in self._courses if course.open]

    def _start(self, losses: Tensor) -> None:
        if losses.is_cuda:
            torch.cuda.synchronize()
        now = time.perf_counter()
        for course in self._courses:
            self._line.say(Started(job=course.lane.job, steps=self._assembly.steps))
            course.next_save = now + course.lane.spec.checkpoint.every_seconds
        self._reporter.begin()

    def _is_due(self, step: int) -> bool:
        return step % self._every == 0 or step == self._assembly.steps

    def _out_of_time(self) -> list[Course]:
        return [course for course in self._open() if self._seconds_left(course) <= 0]

    def _seconds_left(self, course: Course) -> float:
        most = course.lane.spec.budget.max_seconds
        return float("inf") if most is None else most - self._trained(course)

    def _trained(self, course: Course) -> float:
        """Seconds of training, over all attempts."""
        return course.training_before + self._clock.training()

    def _measure(self, step: int, courses: Sequence[Course]) -> Measured:
        """Evaluate these courses on the validation split."""
        if not courses:
            return {}
        exam, rates = self._assembly.validation, self._assembly.rates.floats(step)
        with self._clock.evaluating():
            outputs = exam.outputs()
            losses = exam.losses(outputs)
            return {
                course.place: {
                    "val_loss": losses[course.place],
                    **{f"val_{name}": value for name, value in exam.metrics(outputs, course.place).items()},
                    "learning_rate": rates[course.place],
                }
                for course in courses
            }

    def _judge(self, step: int, measured: Measured) -> None:
        """A validation loss that is no number is a divergence, too, though the training loss may still be one."""
        wild = {place: loss for place, values in measured.items() if not isfinite(loss := values["val_loss"])}
        if wild:
            self._reporter.flush()  # which finds a training loss that was none before
        for place, loss in wild.items():
            self._courses[place].failure = self._courses[place].failure or Diverged(step, loss)

    def _measure_scales(self, step: int) -> Measured:
        """How large things are, on the batch of this step under the weights that it leaves."""
        scales, every = self._assembly.scales, self._scales_every
        if scales is None or every is None or (step % every and step != 1):
            return {}
        with self._clock.evaluating():
            found = scales.measure(next(self._assembly.batches.start(step)))
            return {course.place: found[course.place] for course in self._open()}

    def _hear_noise(self, step: int) -> Measured:
        """What was measured of the noise at this step; batches that follow it may grow."""
        points = self._noise.points(step) if self._noise else {}
        if points and self._assembly.following is not None:
            points[0]["batch_size"] = self._assembly.following.size(step)
            self._assembly.grow(step)
        return points

    def _ending(self, step: int, measured: Measured, out_of_time: Sequence[Course]) -> dict[int, StoppedBy]:
        """Which lanes end at this step, and why: what is the same on every machine goes first."""
        ending: dict[int, StoppedBy] = {course.place: "max_seconds" for course in out_of_time}
        if step == self._assembly.steps:
            ending = {course.place: "budget" for course in self._open()}
        for place, values in measured.items():
            target = self._courses[place].lane.spec.budget.target_loss
            if target is not None and values["val_loss"] <= target:
                ending[place] = "target_loss"
        return ending

    def _end(self, ending: Mapping[int, StoppedBy], measured: Measured) -> None:
        """Read the test split, leave the files and tell the result, for each lane that ends and has not failed."""
        if not ending:
            return
        self._reporter.flush()
        with self._clock.evaluating():
            outputs = self._assembly.test.outputs()
        self._saver.wait()
        for place, stopped_by in ending.items():
            if self._courses[place].failure is None:
                self._succeed(self._courses[place], stopped_by, measured[place], outputs)

    def _succeed(self, course: Course, stopped_by: StoppedBy, measured: Mapping[str, float], outputs: Tensor) -> None:
        exam, config, weights = self._assembly.test, self._assembly.config, self._assembly.finished(course.place)
        documents = {**results.described(config), **exam.documents(outputs, course.place)}
        asked = course.lane.spec.evaluation.formats
        files = {form: file_of(weights, config, form) for form in dict.fromkeys((Format.FP32, *asked))}
        artifacts = results.leave(course.folder / "artifacts", files, documents)
        price = self._price(course)
        with self._clock.evaluating():
            deployment = deployments(
                {form: files[form] for form in asked},
                {file.name: file.bytes for file in artifacts},
                self._assembly.validation,
                config,
                course.price_per_hour,
                lambda: self._bell.wished(course.lane.job),
            )
        metrics = {key.removeprefix("val_"): value for key, value in measured.items() if key.startswith("val_")}
        val_loss = metrics.pop("loss")
        written, written_last = self._written(weights)
        result = results.result(
            stopped_by,
            (course.train_loss, val_loss),
            (metrics | written, exam.metrics(outputs, course.place) | written_last),
            self._assembly.learner.weights.parameters,
            price,
            deployment,
            results.noise(self._noise.tracks[course.place], self._trained(course)) if self._noise else None,
        )
        course.open = False
        self._line.say(Ended(job=course.lane.job, result=result, artifacts=artifacts))

    def _price(self, course: Course) -> float | None:
        """What training has cost so far. Jobs that train together share the devices."""
        if course.price_per_hour is None:
            return None
        hours = (course.training_before + self._clock.training()) / HOUR_SECONDS
        return course.price_per_hour * hours * course.lane.spec.resources.devices / len(self._courses)

    def _written(self, weights: Mapping[str, Tensor]) -> tuple[dict[str, float], dict[str, float]]:
        """What a model that writes is worth on both exams."""
        validation, test = self._assembly.validation, self._assembly.test
        if not validation.writes:
            return {}, {}
        with self._clock.evaluating():
            layers = self._assembly.restored(weights)
            return validation.written(layers), test.written(layers)

    def _obey(self, step: int, stops: Mapping[str, Stop]) -> None:
        """Stop what is to be stopped. A worker that leaves does so for all: they go on together, from one step."""
        leaving = any(stop.why == "leave" for stop in stops.values())
        why = {course.place: _why(stops.get(course.lane.job), leaving) for course in self._open()}
        stopping = [course for course in self._open() if why[course.place]]
        if not stopping:
            return
        self._reporter.flush()
        self._save(step, [course for course in stopping if why[course.place] != "cancel"])
        self._saver.wait()
        for course in (course for course in stopping if course.failure is None):
            course.open = False
            self._line.say(Stopped(job=course.lane.job, why=why[course.place]))

    def _save_due(self, step: int) -> None:
        """When one is due all are saved: lost together, they go on together, from one step."""
        now = time.perf_counter()
        if self._saver.busy or all(now < course.next_save for course in self._open()):
            return
        self._save(step, self._open())
        for course in self._open():
            course.next_save = now + course.lane.spec.checkpoint.every_seconds

    def _save(self, step: int, courses: Sequence[Course]) -> None:
        """Have checkpoints of this step written, after all its points."""
        if not courses:
            return
        self._reporter.flush()
        good = [course for course in courses if course.failure is None]
        copies = [(course, snapshots.take(step, course, self._assembly, self._clock)) for course in good]
        for copying in self._saver.save(copies):
            self._assembly.learner.weights.lend(copying)

    def _fail(self) -> None:
        """Tell the end of courses whose loss is no longer a number."""
        for course in self._open():
            if course.failure is not None:
                self._saver.wait()
                course.open = False
                reason = Reason(code=course.failure.code, message=course.failure.message)
                self._line.say(Ended(job=course.lane.job, reason=reason))

    def _look_ahead(self, step: int) -> None:
        """Set step and time of the next look."""
        everies = (
            self._every,
            self._scales_every or self._every,
            self._noise.every if self._noise else self._every,
        )
        self._look_at = min(self._assembly.steps, *((step // every + 1) * every for every in everies))
        now, courses = time.perf_counter(), self._open()
        saves = min(max(course.next_save, now + BUSY_SECONDS * self._saver.busy) for course in courses)
        self._alarm = min(saves, now + min(self._seconds_left(course) for course in courses))


def _why(stop: Stop | None, leaving: bool) -> str | None:
    return stop.why if stop else "leave" if leaving else None


def _both(one: Measured, other: Measured) -> Measured:
    if not one or not other:
        return one or other
    return {place: {**one.get(place, {}), **other.get(place, {})} for place in {**one, **other}}
