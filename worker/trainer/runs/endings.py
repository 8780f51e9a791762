"""Endings: what runs that have succeeded leave behind, and what is said of each.  K lanes, N examples, O outputs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from unitscale.models.formats import Format
from unitscale.models.jobs import Artifact, Deployment, Result
from worker.pipe import Ended
from worker.trainer.assembly.assemble import Assembly
from worker.trainer.deployment.measuring import deployments
from worker.trainer.deployment.serving import file_of, model_of
from worker.trainer.engine.timing import Clock
from worker.trainer.evaluation.evaluator import Written
from worker.trainer.process.channel import Channel
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs import results
from worker.trainer.runs.reporter import Measured
from worker.trainer.runs.results import StoppedBy
from worker.trainer.runs.run import Run

AT_ONCE = 32
"""Runs whose files are made durable together, before their ends are told."""
HOUR_SECONDS = 3600.0
NOTHING = Written({}, {})


class Endings:
    """Ends runs that have succeeded: the test split is read once for all, and their files are made durable together."""

    def __init__(self, assembly: Assembly, clock: Clock, channel: Channel, interrupt: Interrupt, lanes: int) -> None:
        self._assembly, self._clock, self._channel, self._interrupt = assembly, clock, channel, interrupt
        self._lanes = lanes

    def succeed(self, runs: Sequence[Run], ending: Mapping[int, StoppedBy], measured: Measured) -> None:
        """Leave the files of these runs and send their results."""
        with self._clock.evaluating():
            outputs = self._assembly.test.outputs()
        for first in range(0, len(runs), AT_ONCE):
            self._succeed(runs[first : first + AT_ONCE], ending, measured, outputs)

    def _succeed(
        self, runs: Sequence[Run], ending: Mapping[int, StoppedBy], measured: Measured, outputs: Tensor
    ) -> None:
        written = [self._written(run) for run in runs]
        contents = (self._contents(run, outputs, last) for run, (_, last) in zip(runs, written, strict=True))
        left = results.leave([run.folder / "artifacts" for run in runs], contents)
        for run, artifacts, texts in zip(runs, left, written, strict=True):
            price, deployment = self._price(run), self._deployment(run, artifacts)
            metrics = self._metrics(run, measured[run.place], outputs, texts)
            result = self._result(run, ending[run.place], metrics, price, deployment)
            run.open = False
            self._channel.send(Ended(job=run.lane.job, result=result, artifacts=artifacts))

    def _contents(self, run: Run, outputs: Tensor, written: Written) -> results.Contents:
        config, files = self._assembly.config, self._files(run, (Format.FP32, *run.lane.spec.evaluation.formats))
        documents = {
            **results.described(config),
            **self._assembly.test.artifacts(outputs, run.place),
            **written.documents,
            **self._samples(files[Format.FP32]),
        }
        return files, documents

    def _files(self, run: Run, formats: Iterable[Format]) -> dict[Format, Mapping[str, Tensor]]:
        weights = self._assembly.finished(run.place)
        return {form: file_of(weights, self._assembly.config, form) for form in dict.fromkeys(formats)}

    def _written(self, run: Run) -> tuple[Written, Written]:
        """What a model that writes has written of validation and test."""
        validation, test = self._assembly.validation, self._assembly.test
        if not validation.writes:
            return NOTHING, NOTHING
        with self._clock.evaluating():
            layers = self._assembly.restored(self._assembly.finished(run.place))
            return validation.written(layers), test.written(layers)

    def _samples(self, weights: Mapping[str, Tensor]) -> dict[str, Any]:
        """How a model that continues texts does so."""
        if not self._assembly.validation.continues:
            return {}
        with self._clock.evaluating():
            return self._assembly.validation.samples(model_of(weights, self._assembly.config, Format.FP32))

    def _deployment(self, run: Run, artifacts: Sequence[Artifact]) -> Sequence[Deployment]:
        with self._clock.evaluating():
            return deployments(
                self._files(run, run.lane.spec.evaluation.formats),
                {file.name: file.bytes for file in artifacts},
                self._assembly.validation,
                self._assembly.config,
                run.price_per_hour,
                lambda: self._interrupt.wished(run.lane.job),
            )

    def _metrics(
        self, run: Run, measured: Mapping[str, float], outputs: Tensor, written: tuple[Written, Written]
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Of validation, its loss among them, and of test."""
        validation = {key.removeprefix("val_"): value for key, value in measured.items() if key.startswith("val_")}
        test = self._assembly.test.metrics(outputs, run.place)
        return validation | written[0].metrics, test | written[1].metrics

    def _result(
        self,
        run: Run,
        stopped_by: StoppedBy,
        metrics: tuple[dict[str, float], dict[str, float]],
        price: float | None,
        deployment: Sequence[Deployment],
    ) -> Result:
        learner, val_loss = self._assembly.learner, metrics[0].pop("loss")
        return results.result(
            stopped_by,
            (run.train_loss, val_loss),
            metrics,
            learner.weights.parameters,
            price,
            deployment,
            results.noise(learner.noise.tracks[run.place], self._trained(run)) if learner.noise else None,
        )

    def _price(self, run: Run) -> float | None:
        """What training has cost so far. Jobs that train together share the devices."""
        if run.price_per_hour is None:
            return None
        hours = self._trained(run) / HOUR_SECONDS
        return run.price_per_hour * hours * run.lane.spec.resources.devices / self._lanes

    def _trained(self, run: Run) -> float:
        return run.training_before + self._clock.training()
