"""Generation: a text continued, token by token.  T tokens, V vocabulary."""

from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor

from unitscale.models.predictions import Sampling
from worker.trainer.data.passages import Passage
from worker.trainer.deployment.text_models import TextModel
from worker.trainer.engine.batches import mix

TEMPERATURE = 0.8
"""Of continuations, unless one is asked for."""


class Writer:
    """A trained model that continues texts."""

    def __init__(self, model: TextModel) -> None:
        self.model, self._device = model, next((each.device for each in model.parameters()), "cpu")

    def continued(self, prompts: Sequence[Tensor], sampling: Sampling) -> list[list[int]]:
        """What follows each prompt. The same seed says the same, wherever other prompts stand."""
        return [
            list(islice(self._tokens(prompt, sampling, mix(sampling.seed, place)), sampling.max_tokens))
            for place, prompt in enumerate(prompts)
        ]

    def _tokens(self, prompt: Tensor, sampling: Sampling, seed: int) -> Iterator[int]:
        """One token after the other; of the prompt the model sees as much as it can look back at."""
        cache, generator = self.model.empty_cache(), torch.Generator().manual_seed(seed)
        seen = prompt[-self.model.reach :]
        while True:
            logits = self.model.next(seen.view(1, -1).to(self._device), cache)[0]
            token = chosen(logits.cpu(), sampling, generator)
            yield token
            seen = torch.tensor([token])


class Reader:
    """A trained encoder that says what stands in each place of a text."""

    def __init__(self, encoder: TextModel) -> None:
        self._encoder = encoder

    def __call__(self, texts: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Each text's tokens (T,), with logits (T, V)."""
        return [(tokens, self._encoder(tokens.view(1, -1))[0]) for tokens in texts]


class Finder:
    """A trained encoder that says where in a context an answer starts and ends."""

    def __init__(self, encoder: TextModel) -> None:
        self._read = Reader(encoder)

    def __call__(self, passages: Sequence[Passage]) -> list[tuple[Passage, Tensor]]:
        """Each passage, with logits (T, 2)."""
        read = self._read([torch.tensor(passage.tokens) for passage in passages])
        return [(passage, logits) for passage, (_, logits) in zip(passages, read, strict=True)]


def chosen(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """A token by its chances; the likeliest at temperature 0."""
    temperature = TEMPERATURE if sampling.temperature is None else sampling.temperature
    if temperature == 0:
        return int(logits.argmax())
    if sampling.top_k is not None and sampling.top_k < len(logits):
        logits = logits.masked_fill(logits < logits.topk(sampling.top_k).values[-1], float("-inf"))
    below = logits.double() - logits.max()  # divided by a temperature near 0 the largest stays what it is
    chances = (below / temperature).softmax(0)
    return int(torch.multinomial(chances, 1, generator=generator))
