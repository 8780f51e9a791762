"""What serving a trained model costs in each format, and what it is then worth."""

import math
import traceback
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from unitscale.models.formats import Format, weights_file
from unitscale.models.jobs import Deployment, Latency
from worker.trainer.deployment.memory import peak_bytes
from worker.trainer.deployment.serving import Tensors, model_of
from worker.trainer.deployment.timing import Samples, Timing
from worker.trainer.engine import kernels
from worker.trainer.evaluation.evaluator import Evaluator

MILLISECONDS, MILLION, HOUR_SECONDS = 1e3, 1e6, 3600.0


class Abandoned(Exception):
    """Somebody wants the device back: the rest is not measured."""


def deployments(
    files: Mapping[Format, Tensors],
    sizes: Mapping[str, int],
    evaluator: Evaluator,
    config: dict[str, Any],
    price_per_hour: float | None,
    wanted_back: Callable[[], bool],
) -> list[Deployment]:
    """What each format that was asked for costs; `sizes` are of all files. What could not be measured is null, and the
    log says why. Where none was asked for the model is left in fp32: a small job ends before it could be timed."""
    found = _found(_Bench(evaluator, config, price_per_hour, wanted_back), files) if files else {}
    return [
        Deployment.model_validate({"format": form.value, "bytes": sizes[weights_file(form)], **found.get(form, {})})
        for form in files or (Format.FP32,)
    ]


@kernels.multiplying_by(kernels.DEFAULT)  # as predictions do, and torch elsewhere, however the model was trained
def _found(bench: "_Bench", files: Mapping[Format, Tensors]) -> dict[Format, dict[str, Any]]:
    for form, tensors in files.items():
        bench.open(form, tensors)
    try:
        bench.time()
        for form in bench.models:
            bench.grade(form)
    except Abandoned:
        print("Not everything was measured: the job is to stop.")  # noqa: T201
    except Exception as error:  # the job has succeeded, whatever happens here
        traceback.print_exception(error)
    return bench.found


class _Bench:
    """The models of one lane side by side, and what was found of each so far."""

    def __init__(
        self,
        evaluator: Evaluator,
        config: dict[str, Any],
        price_per_hour: float | None,
        wanted_back: Callable[[], bool],
    ) -> None:
        self.models: dict[Format, nn.Module] = {}
        self.found: dict[Format, dict[str, Any]] = {}
        self._evaluator, self._config, self._price, self._wanted_back = evaluator, config, price_per_hour, wanted_back
        self._weights: dict[Format, int] = {}
        self._examples = _plain(evaluator.inputs, config["inputs"])

    def open(self, form: Format, tensors: Tensors) -> None:
        """Make the model of a format. One that cannot answer here is not measured, and the others are."""
        self.found[form] = {}
        self._weights[form] = sum(tensor.nbytes for tensor in tensors.values())
        try:
            model = model_of(tensors, self._config, form)
            with torch.inference_mode():
                model(self._examples[:1])
            self.models[form] = model
        except Exception as error:  # the job has succeeded; this format alone has not
            traceback.print_exception(error)

    def time(self) -> None:
        timing = Timing(self.models, self._examples, self._look)
        one = timing.one()
        for form, samples in one.items():
            self.found[form]["latency_ms"] = Latency(p50=_quantile(samples, 0.5), p95=_quantile(samples, 0.95))
        batch = timing.batch(one)
        self._note(timing.many(batch), "examples_per_second", batch)
        for form in self.models:
            self._look()
            peak = self._weights[form] + peak_bytes(timing.answering(form, batch), timing.examples)
            self.found[form] |= {"batch_size": batch, "peak_memory_bytes": peak}
        for form, samples in timing.first_token().items():
            self.found[form]["first_token_ms"] = _quantile(samples, 0.5)
        self._note(timing.decoding(), "decode_tokens_per_second", 1)

    def grade(self, form: Format) -> None:
        """Metrics on the validation split, by this model."""

        def answer(inputs: Tensor, **memory: Any) -> Tensor:
            self._look()
            return self.models[form](_plain(inputs[0], self._config["inputs"]), **memory).unsqueeze(0)

        evaluator = self._evaluator.by(answer)
        with torch.inference_mode():
            metrics = evaluator.metrics(evaluator.outputs(), 0)
            self.found[form]["metrics"] = metrics | evaluator.written(self.models[form]).metrics

    def _note(self, samples: Samples, name: str, amount: int) -> None:
        """A rate, and what a million of it costs."""
        for form, seconds in samples.items():
            self.found[form][name] = rate = amount / median(seconds)
            if self._price is not None:
                self.found[form]["price_per_million"] = MILLION / rate / HOUR_SECONDS * self._price

    def _look(self) -> None:
        if self._wanted_back():
            raise Abandoned


def _quantile(seconds: list[float], share: float) -> float:
    """In milliseconds: the smallest that this share of them do not exceed."""
    return sorted(seconds)[max(0, math.ceil(share * len(seconds)) - 1)] * MILLISECONDS


def _plain(inputs: Tensor, shape: list[int]) -> Tensor:
    """Examples (N, …) without the padding of lanes, as plain layers take them."""
    if not inputs.is_floating_point() or inputs.dim() != 2:
        return inputs
    return inputs[:, : math.prod(shape)].unflatten(1, shape)
