"""Text generation: what follows each token.  K lanes, B batch, T tokens, V vocabulary, N windows."""

import json
import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unitscale.errors import WrongInput
from worker.trainer.assembly.prepared_data import PreparedData
from worker.trainer.data import tokenizers
from worker.trainer.data.examples import Splits

BEGINNING = 32
"""Tokens of a text that is continued as a sample, at the most."""
EXAMS_KEPT = 4
"""Splits whose characters were counted: an evaluation reads them many times."""


class TextGeneration:
    """Cross entropy of the next token."""

    def prepare(self, splits: Splits, facts: dict[str, Any]) -> PreparedData:
        inputs = splits.training.inputs
        if "tokenizer" in facts:
            size = tokenizers.size_of(facts["tokenizer"])
            return PreparedData(splits, {"inputs": [inputs.shape[1]], "outputs": size, "tokenizer": facts["tokenizer"]})
        config = {"inputs": [inputs.shape[1]], "outputs": len(facts["alphabet"]), "alphabet": facts["alphabet"]}
        return PreparedData(splits, config)

    def losses(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """Mean of each lane, in nats.  (K, B, T, V), (K, B, T) → (K,), of which the first `width` outputs are real."""
        return _nats(outputs, targets, width).flatten(1).mean(1)

    def reduce_outputs(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """Mean nats of each window, all that an evaluation needs of so many logits.  → (K, B, 1)"""
        return _nats(outputs, targets, width).mean(-1, keepdim=True)

    def evaluation_losses(self, kept: Tensor, _targets: Tensor, _width: int) -> Tensor:
        return kept.flatten(1).mean(1)

    def metrics(self, outputs: Tensor, targets: Tensor, config: dict[str, Any]) -> dict[str, float]:
        """Of one lane's nats (N, 1). Perplexity is of tokens, bits are of the characters that the tokens stand for."""
        nats, characters = outputs.double().mean().item(), 1.0
        if "tokenizer" in config:
            characters = _characters(config["tokenizer"], targets.int().numpy().tobytes()) / targets.numel()
        bits = nats / characters / math.log(2) if characters else math.inf
        return {"bits_per_character": bits, "perplexity": math.exp(min(nats, 700.0))}

    def artifacts(self, _outputs: Tensor, _targets: Tensor, config: dict[str, Any]) -> dict[str, Any]:
        """The tokenizer that the model's tokens are those of, where one came with the text."""
        return {"tokenizer.json": json.loads(config["tokenizer"])} if "tokenizer" in config else {}

    def beginnings(self, windows: Tensor, count: int, config: dict[str, Any]) -> list[str]:
        """Of windows from all over a split, (N, T): half of each, or less."""
        rows = torch.linspace(0, len(windows) - 1, min(count, len(windows))).long()
        tokens = windows[rows.to(windows.device), : min(BEGINNING, max(1, windows.shape[1] // 2))]
        return self.format_outputs(tokens.tolist(), config)

    def parse_inputs(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> list[Tensor]:
        """The tokens of each text; of an empty one, a line's end or the first character there is.

        Raises WrongInput, naming every input that is no text in the model's alphabet.
        """
        if "tokenizer" in config:
            return _by_tokenizer(inputs, config["tokenizer"])
        places = {character: place for place, character in enumerate(config["alphabet"])}
        wrong = [(place, detail) for place, given in enumerate(inputs) if (detail := _fault(given, places))]
        if wrong:
            fields = tuple((f"/inputs/{place}", detail) for place, detail in wrong)
            raise WrongInput(f"Input {wrong[0][0]} {wrong[0][1]}.", fields)
        start = [places.get("\n", 0)]
        return [torch.tensor([places[character] for character in given] or start) for given in inputs]

    def format_outputs(self, outputs: list[list[int]], config: dict[str, Any]) -> list[str]:
        if "tokenizer" in config:
            return [tokenizers.decoded(config["tokenizer"], tokens) for tokens in outputs]
        return ["".join(config["alphabet"][token] for token in tokens) for tokens in outputs]


def _nats(outputs: Tensor, targets: Tensor, width: int) -> Tensor:
    """→ (K, B, T)"""
    logits = outputs[..., :width].reshape(-1, width).float()
    return functional.cross_entropy(logits, targets.reshape(-1).long(), reduction="none").view(targets.shape)


@lru_cache(EXAMS_KEPT)
def _characters(tokenizer: str, tokens: bytes) -> int:
    """Characters of the text that these windows, which follow each other, are tokens of."""
    return len(tokenizers.decoded(tokenizer, np.frombuffer(tokens, np.int32).tolist()))


def _by_tokenizer(inputs: tuple[Any, ...], tokenizer: str) -> list[Tensor]:
    wrong = [place for place, given in enumerate(inputs) if _fault(given, None)]
    if wrong:
        fields = tuple((f"/inputs/{place}", "must be a text") for place in wrong)
        raise WrongInput(f"Input {wrong[0]} must be a text.", fields)
    return [torch.tensor(tokenizers.encoded(tokenizer, given) or [0]) for given in inputs]


def _fault(given: Any, places: dict[str, int] | None) -> str | None:
    """What is wrong with it; tokens (no `places`) can say anything but half a character."""
    if not isinstance(given, str):
        return "must be a text"
    if places is None:
        return "must be a text" if any("\ud800" <= each <= "\udfff" for each in given) else None
    unknown = next((character for character in given if character not in places), None)
    return None if unknown is None else f"has a character that the training text has not: {unknown!r}"
