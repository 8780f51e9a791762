"""The exam: what K lanes are worth on one split.  N examples, O outputs."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from worker.trainer.catalog import Task
from worker.trainer.data.examples import Examples
from worker.trainer.engine.loop import Batch

PART = 4096  # examples, or tokens, in one forward pass: bounds the memory of an evaluation

Forward = Callable[..., Tensor]
"""(K, B, …), in how many parts a batch comes → (K, B, …, O)"""


class Exam:
    """Loss, metrics and documents of every lane on one split."""

    def __init__(
        self, task: Task, config: dict[str, Any], forward: Forward, laid_out: Batch, examples: Examples
    ) -> None:
        self._task, self._config, self._forward = task, config, forward
        self._inputs, self._targets = laid_out  # (K, N, …)
        self._examples, self._truth = examples, examples.targets.cpu()
        self._part = max(1, PART // (1 if self._inputs.is_floating_point() else self._inputs.shape[2]))

    @property
    def inputs(self) -> Tensor:
        """(N, …), as lanes take them."""
        return self._inputs[0]

    def by(self, forward: Forward) -> "Exam":
        """The same questions to somebody else, who is one lane."""
        return Exam(self._task, self._config, forward, (self._inputs[:1], self._targets[:1]), self._examples)

    @torch.no_grad()
    def outputs(self) -> Tensor:
        """(K, N, …): what the task keeps of its model's outputs, padded where the model pads."""
        width, parts = self._config["outputs"], (self._inputs.split(self._part, 1), self._targets.split(self._part, 1))
        return torch.cat(
            [self._task.kept(self._forward(part), truth, width) for part, truth in zip(*parts, strict=True)], 1
        )

    def losses(self, outputs: Tensor) -> list[float]:
        return self._task.exam_losses(outputs, self._targets, self._config["outputs"]).tolist()

    def metrics(self, outputs: Tensor, lane: int) -> dict[str, float]:
        return self._task.metrics(self._real(outputs, lane), self._truth, self._config)

    def documents(self, outputs: Tensor, lane: int) -> dict[str, Any]:
        return self._task.documents(self._real(outputs, lane), self._truth, self._config)

    def _real(self, outputs: Tensor, lane: int) -> Tensor:
        return outputs[lane, :, : self._config["outputs"]].cpu()
