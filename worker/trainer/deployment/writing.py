"""Writing as it is timed: what is read first, and one token after the other."""

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from worker.trainer.data.vocabulary import PAD, START
from worker.trainer.deployment.text_models import TextModel
from worker.trainer.layers.encoder_decoder import EncoderDecoder, Memory, Past


class Writing(Protocol):
    """A text that a model writes, by its likeliest tokens."""

    def first(self) -> tuple[Tensor, Any]:
        """The first token (1, 1), after half a context was read; and what is kept of all that."""
        ...

    def further(self, token: Tensor, kept: Any) -> tuple[Tensor, Any]:
        """The token that follows one."""
        ...


def writing(model: nn.Module, examples: Tensor) -> Writing | None:
    """What a model makes of examples (N, …); None for one that does not write."""
    if isinstance(model, EncoderDecoder):
        return Reply(model, examples)
    return Continuation(model, examples) if isinstance(model, TextModel) and model.causal else None


class Continuation:
    """A model goes on with the first example."""

    def __init__(self, model: TextModel, examples: Tensor) -> None:
        self._model, self._prompt = model, examples[:1, : max(1, model.context // 2)]

    def first(self) -> tuple[Tensor, Any]:
        return self.further(self._prompt, self._model.empty_cache())

    def further(self, token: Tensor, kept: Any) -> tuple[Tensor, Any]:
        return self._model.next(token, kept).argmax(1, keepdim=True), kept


class Reply:
    """An encoder-decoder writes to a source. Most sources are short, so that this one is made of several."""

    def __init__(self, layers: EncoderDecoder, examples: Tensor) -> None:
        sources = examples[:, : layers.longest]
        self._layers = layers
        self.source = sources[sources != PAD][: max(1, layers.longest // 2)].long().view(1, -1)

    def first(self) -> tuple[Tensor, tuple[Memory, Past]]:
        start = torch.full_like(self.source[:, :1], START)
        return self.further(start, (self._layers.encode(self.source), Past()))

    def further(self, token: Tensor, kept: tuple[Memory, Past]) -> tuple[Tensor, tuple[Memory, Past]]:
        memory, past = kept
        states, past = self._layers.step(token, memory, past)
        return self._layers.readout(states[:, -1]).argmax(1, keepdim=True), (memory, past)
