"""Streams: a text read on in several places at once, so that a step's windows follow on those of the step before.

K lanes, N windows, B streams.
"""

from collections.abc import Iterator
from itertools import count

import torch
from torch import Tensor

from worker.trainer.engine.loop import Batch
from worker.trainer.layers.memory import Memory


class Streams:
    """N windows in B streams of W = ⌈N/B⌉, the last one shorter. Turn t reads window t of every stream that has one."""

    def __init__(self, windows: int, streams: int) -> None:
        self._windows = windows
        self.turns = -(-windows // streams)

    def rows(self, turn: int) -> Tensor:
        """The windows of a turn, from 0."""
        return torch.arange(turn, self._windows, self.turns)

    def read(self, step: int) -> int:
        """Windows read up to and with `step`, from 1, over all epochs."""
        epochs, rest = divmod(step, self.turns)
        return epochs * self._windows + rest * (self._windows // self.turns) + min(rest, self._windows % self.turns)


class StreamBatches:
    """Batches of a model with memory: the order of the text, whatever the seed.

    inputs (K, N, T)   targets (K, N, T)   →   (K, B, T) each
    """

    def __init__(self, inputs: Tensor, targets: Tensor, size: int, memory: Memory) -> None:
        self._inputs, self._targets, self._memory = inputs, targets, memory
        self._streams = Streams(inputs.shape[1], size)

    def start(self, step: int) -> Iterator[Batch]:
        """The batches of `step` and all that follow; each turns the memory to its own step."""
        for number in count(step):
            turn = (number - 1) % self._streams.turns
            self._memory.turn(number, fresh=turn == 0)
            rows = self._streams.rows(turn).to(self._inputs.device)
            yield self._inputs[:, rows], self._targets[:, rows]

    def examples(self, step: int) -> int:
        """Examples seen by one lane up to and with `step`."""
        return self._streams.read(step)
