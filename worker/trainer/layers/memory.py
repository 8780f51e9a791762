"""Memory: the hidden states of the tokens before a window, as in Transformer-XL (arXiv:1901.02860).

K lanes, L blocks, B streams of text, T tokens of a window, M tokens remembered, D width.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Memory:
    """What each block was given for the M tokens before. No gradient flows into it, and it is never computed again."""

    def __init__(self, length: int, kept: dict[int, Tensor] | None = None) -> None:
        self._length = length
        self._step = 0
        self._kept = kept or {}
        self._next: dict[int, Tensor] = {}

    def empty(self) -> "Memory":
        """Another one as long, which remembers nothing yet."""
        return Memory(self._length)

    def glance(self) -> "Memory":
        """Another one that remembers the same: what is handed on by it, this one never hears of."""
        return Memory(self._length, self._kept)

    @property
    def tokens(self) -> int:
        """How many tokens are remembered at this step."""
        return self._kept[0].shape[2] if self._kept else 0

    def turn(self, step: int, fresh: bool) -> None:
        """Go on to a step: what the step before left is remembered, unless the text begins afresh."""
        if step != self._step:
            self._kept = {} if fresh else self._next
            self._next, self._step = {}, step

    def before(self, number: int, x: Tensor) -> Tensor:
        """What block `number` is given, after what it remembers.  (K, B, T, D) → (K, B, M + T, D)"""
        if number in self._kept:  # streams that have ended are the last ones; an origin may have had other numbers
            x = torch.cat((self._kept[number][:, : x.shape[1]].to(x.dtype), x), 2)
        self._next[number] = x[:, :, -self._length :].detach()
        return x

    def apart(self, losses: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The same losses without a trace: what is handed to the next step stays as it is."""

        def computed(*batch: Any) -> Tensor:
            handed = dict(self._next)
            found = losses(*batch)
            self._next = handed
            return found

        return computed

    def read(self, lane: int) -> Tensor:
        """A copy of what one lane hands to the next step.  (L, B, M, D)"""
        return torch.stack([self._next[number][lane] for number in sorted(self._next)])

    def write(self, lane: int, lanes: int, step: int, kept: Tensor) -> None:
        """Put back what one of `lanes` lanes had handed on after `step`."""
        self._step = step
        for number, states in enumerate(kept):
            self._next.setdefault(number, states.new_zeros(lanes, *states.shape))[lane] = states
