"""Generation: a text continued, token by token.  T tokens, V vocabulary."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import torch
from torch import Tensor

from unitscale.models.predictions import Sampling
from worker.trainer.engine.batches import mix
from worker.trainer.layers.decoder import Cache, Decoder

TEMPERATURE = 0.8
"""Of continuations, unless one is asked for."""


class Writer:
    """A trained decoder that continues texts. Keys and values are kept, so that a token costs one pass over itself."""

    def __init__(self, decoder: Decoder, weights: Mapping[str, Tensor], vocabulary: int) -> None:
        self._decoder, self._vocabulary = decoder, vocabulary
        self._weights = {name: weight.unsqueeze(0) for name, weight in weights.items()}

    def continued(self, prompts: Sequence[Tensor], sampling: Sampling) -> list[list[int]]:
        """What follows each prompt. The same seed says the same, wherever other prompts stand."""
        return [
            list(islice(self._tokens(prompt, sampling, mix(sampling.seed, place)), sampling.max_tokens))
            for place, prompt in enumerate(prompts)
        ]

    def _tokens(self, prompt: Tensor, sampling: Sampling, seed: int) -> Iterator[int]:
        """One token after the other; of the prompt the model sees as much as it can look back at."""
        cache, generator = Cache(), torch.Generator().manual_seed(seed)
        seen = prompt[-self._decoder.reach :]
        while True:
            logits = self._decoder.outputs(self._weights, seen.view(1, 1, -1), cache=cache)[0, 0, -1]
            token = chosen(logits[: self._vocabulary].float(), sampling, generator)
            yield token
            seen = torch.tensor([token])


class Reader:
    """A trained encoder that says what stands in each place of a text."""

    def __init__(self, encoder: Decoder, weights: Mapping[str, Tensor], vocabulary: int) -> None:
        self._encoder, self._vocabulary = encoder, vocabulary
        self._weights = {name: weight.unsqueeze(0) for name, weight in weights.items()}

    def __call__(self, texts: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Each text's tokens (T,), with logits (T, V)."""
        read = (self._encoder.outputs(self._weights, tokens.view(1, 1, -1))[0, 0] for tokens in texts)
        return [(tokens, logits[:, : self._vocabulary]) for tokens, logits in zip(texts, read, strict=True)]


def chosen(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """A token by its chances; the likeliest at temperature 0."""
    temperature = TEMPERATURE if sampling.temperature is None else sampling.temperature
    if temperature == 0:
        return int(logits.argmax())
    if sampling.top_k is not None and sampling.top_k < len(logits):
        logits = logits.masked_fill(logits < logits.topk(sampling.top_k).values[-1], float("-inf"))
    chances = (logits / temperature).softmax(0)
    return int(torch.multinomial(chances, 1, generator=generator))
