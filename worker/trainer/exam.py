"""The exam: what K lanes are worth on one split.  N examples, O outputs."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from worker.trainer.catalog import Task
from worker.trainer.data.examples import Examples
from worker.trainer.engine.loop import Batch

PART = 4096  # examples, or tokens, in one forward pass: bounds the memory of an evaluation
NUMBERS = 2**22  # of inputs in one forward pass, where examples are large

Forward = Callable[..., Tensor]
"""(K, B, …), in how many parts a batch comes → (K, B, …, O)"""


class Exam:
    """Loss, metrics and documents of every lane on one split."""

    def __init__(
        self, task: Task, config: dict[str, Any], forward: Forward, laid_out: Batch, examples: Examples
    ) -> None:
        self._task, self._config, self._forward = task, config, forward
        self._inputs, self._targets = laid_out  # (K, N, …)
        self._truth = examples.targets.cpu()
        size = self._inputs[0, :1].numel()  # numbers, or tokens, of an example
        self._part = max(1, min(PART, NUMBERS // size) if self._inputs.is_floating_point() else PART // size)

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
