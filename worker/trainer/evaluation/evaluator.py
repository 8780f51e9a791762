"""The evaluator: what K lanes are worth on one split.  N examples, O outputs."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from unitscale.models.predictions import Sampling
from worker.trainer.data.examples import Examples
from worker.trainer.data.pairs import Asked
from worker.trainer.deployment.text_models import TextModel
from worker.trainer.engine.loop import Batch
from worker.trainer.engine.ranks import Ranks, Word
from worker.trainer.engine.streams import StreamBatches, Streams
from worker.trainer.evaluation.samples import samples
from worker.trainer.inference.beam_search import Responder
from worker.trainer.inference.generation import Writer
from worker.trainer.layers.memory import Memory
from worker.trainer.protocols import ContinuesText, GeneratesText, PredictsSpans, Task

PART = 4096  # examples, or tokens, in one forward pass: bounds the memory of an evaluation
NUMBERS = 2**22  # of inputs in one forward pass, where examples are large
TURNS = 64  # of an evaluator with memory, at least: the first one has nothing to remember

Forward = Callable[..., Tensor]
"""(K, B, …), in how many parts a batch comes → (K, B, …, O)"""


class Written(NamedTuple):
    """What a model that writes has written."""

    metrics: dict[str, float]
    """What it is worth."""
    documents: dict[str, Any]


class Evaluator:
    """Loss, metrics and documents of every lane on one split."""

    def __init__(
        self,
        task: Task,
        config: dict[str, Any],
        forward: Forward,
        laid_out: Batch,
        examples: Examples,
        together: tuple[Ranks, Word] | None = None,
        asked: Asked | None = None,
    ) -> None:
        self._asked = asked
        self._task, self._config, self._forward, self._together = task, config, forward, together
        self._inputs, self._targets = laid_out  # (K, N, …)
        self._examples, self._truth = examples, examples.targets.cpu()
        self._spans = task if asked is not None and isinstance(task, PredictsSpans) else None
        size = self._inputs[0, :1].numel()  # numbers, or tokens, of an example
        self._part = max(1, min(PART, NUMBERS // size) if self._inputs.is_floating_point() else PART // size)

    @property
    def inputs(self) -> Tensor:
        """(N, …), as lanes take them."""
        return self._inputs[0]

    def by(self, forward: Forward) -> "Evaluator":
        """The same questions to somebody else, who is one lane on one device."""
        laid_out = self._inputs[:1], self._targets[:1]
        return Evaluator(self._task, self._config, forward, laid_out, self._examples, None, self._asked)

    @torch.no_grad()
    def outputs(self) -> Tensor:
        """(K, N, …): what the task keeps of its model's outputs, padded where the model pads."""
        if self._together is None:
            return torch.cat([self._kept(*part) for part in self._parts()], 1)
        parts, (ranks, word) = list(self._parts()), self._together
        return ranks.gathered(word, [truth.shape[1] for _, truth in parts], lambda place: self._kept(*parts[place]))

    def _parts(self) -> Iterator[Batch]:
        return zip(self._inputs.split(self._part, 1), self._targets.split(self._part, 1), strict=True)

    def _kept(self, inputs: Tensor, truth: Tensor) -> Tensor:
        return self._task.reduce_outputs(self._forward(inputs), truth, self._config["outputs"])

    def losses(self, outputs: Tensor) -> list[float]:
        return self._task.evaluation_losses(outputs, self._targets, self._config["outputs"]).tolist()

    def metrics(self, outputs: Tensor, lane: int) -> dict[str, float]:
        real = self._real(outputs, lane)
        metrics = self._task.metrics(real, self._truth, self._config)
        if self._spans is not None and self._asked is not None:
            metrics |= self._spans.span_metrics(real, self._asked)
        return metrics

    def artifacts(self, outputs: Tensor, lane: int) -> dict[str, Any]:
        real = self._real(outputs, lane)
        documents = self._task.artifacts(real, self._truth, self._config)
        if self._spans is not None and self._asked is not None:
            documents |= self._spans.span_documents(real, self._asked)
        return documents

    @property
    def continues(self) -> bool:
        """Whether texts are to be continued."""
        return isinstance(self._task, ContinuesText)

    def samples(self, model: nn.Module) -> dict[str, Any]:
        """How a model that continues texts goes on with some of the split."""
        if not isinstance(self._task, ContinuesText) or not isinstance(model, TextModel):
            return {}
        return samples(Writer(model), self._task, self._examples.inputs, self._config)

    @property
    def writes(self) -> bool:
        """Whether there is something to be written."""
        return isinstance(self._task, GeneratesText) and self._asked is not None

    def written(self, layers: nn.Module) -> Written:
        """What a model writes, by its likeliest tokens. It takes a while: once, at the end."""
        if not isinstance(self._task, GeneratesText) or self._asked is None:
            return Written({}, {})
        sources = self._task.parse_inputs(tuple(source for source, _ in self._asked), self._config)
        texts = self._task.format_outputs(Responder(layers).continued(sources, Sampling()), self._config)
        return Written(self._task.text_metrics(texts, self._asked), self._task.text_documents(texts, self._asked))

    def _real(self, outputs: Tensor, lane: int) -> Tensor:
        return outputs[lane, :, : self._config["outputs"]].cpu()


class StreamedEvaluator(Evaluator):
    """The evaluator of a model with memory: a text is read on, in as many places at once as a pass holds."""

    def __init__(self, memory: Memory, *evaluator: Any) -> None:
        """`memory` is the one that the evaluator's forward looks back at."""
        super().__init__(*evaluator)
        self._memory = memory
        windows = self._inputs.shape[1]
        size = max(1, min(self._part, windows // TURNS))
        self._streams, self._batches = Streams(windows, size), StreamBatches(self._inputs, self._targets, size, memory)
        self._order = torch.cat([self._streams.rows(turn) for turn in range(self._streams.turns)]).argsort()

    def by(self, forward: Forward) -> Evaluator:
        memory, laid_out = self._memory.empty(), (self._inputs[:1], self._targets[:1])
        remembering = partial(forward, memory=memory)
        return StreamedEvaluator(memory, self._task, self._config, remembering, laid_out, self._examples)

    def outputs(self) -> Tensor:
        return super().outputs()[:, self._order.to(self._inputs.device)]

    def _parts(self) -> Iterator[Batch]:
        return islice(self._batches.start(1), self._streams.turns)
