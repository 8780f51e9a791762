"""Models that read texts, as they are served.  B texts, T tokens, V vocabulary."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


class TextModel(nn.Module):
    """What reads texts: every token of them, (B, T) → (B, T, V), or, where it is causal, what follows the last one."""

    context: int
    """Tokens that it was trained to read at once."""
    reach: int
    """Tokens that the last one looks at."""
    causal: bool

    def empty_cache(self) -> Any:
        """What it keeps of a text of which it has read nothing."""
        raise NotImplementedError

    def next(self, tokens: Tensor, cache: Any) -> Tensor:
        """Logits of what follows the last of these tokens, which follow those in the cache.  (B, T) → (B, V)"""
        raise NotImplementedError


@dataclass
class Window:
    """The tokens that were read last."""

    tokens: Tensor | None = None


class OwnTextModel(TextModel):
    """A team's own module. It keeps nothing of what it computes, so that it reads its window anew for each token."""

    def __init__(self, layers: nn.Module, context: int, causal: bool) -> None:
        super().__init__()
        self._layers, self.context, self.reach, self.causal = layers, context, context, causal

    def forward(self, tokens: Tensor) -> Tensor:
        return self._layers(tokens)

    def empty_cache(self) -> Window:
        return Window()

    def next(self, tokens: Tensor, cache: Window) -> Tensor:
        seen = tokens if cache.tokens is None else torch.cat((cache.tokens, tokens), 1)
        cache.tokens = seen[:, -self.reach :]
        return self(cache.tokens)[:, -1]
