"""Masked language modelling: the tokens behind a mask, from those on both sides (BERT, arXiv:1810.04805).

K lanes, B batch, T tokens, V vocabulary, N windows.
"""

import json
import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unitscale.errors import WrongInput
from worker.trainer.assembly.prepared_data import PreparedData
from worker.trainer.data import tokenizers
from worker.trainer.data.examples import Examples, Splits

SHARE = 0.15
"""Of each window's tokens, which are to be found."""
MASKED, REPLACED = 0.8, 0.1
"""Of those, the shares that are masked, and that are some other token; the rest stay, so that none can be trusted."""
EXAM_SEED = 0
NOT_ASKED = -1
MASK = "[MASK]"


class MaskedLanguageModeling:
    """Cross entropy of the tokens that were chosen: as many in every window, so that each counts the same."""

    def prepare(self, splits: Splits, facts: dict[str, Any]) -> PreparedData:
        """The mask is one past the vocabulary."""
        words = {word: facts[word] for word in ("tokenizer", "alphabet") if word in facts}
        size = tokenizers.size_of(words["tokenizer"]) if "tokenizer" in words else len(words["alphabet"])
        config = {"inputs": [splits.training.inputs.shape[1]], "outputs": size + 1, **words}
        held_out = (self.corrupted(split, _generator(), config) for split in splits[1:])
        return PreparedData(Splits(splits.training, *held_out), config)

    def corrupted(self, examples: Examples, generator: torch.Generator, config: dict[str, Any]) -> Examples:
        """(N, T): windows with masks, and at the chosen places what stood there."""
        tokens, vocabulary = examples.inputs.long(), config["outputs"] - 1
        chosen = torch.rand(tokens.shape, generator=generator).argsort(1)[:, : _asked(tokens.shape[1])]
        fate = torch.rand(chosen.shape, generator=generator)
        other = torch.randint(vocabulary, chosen.shape, generator=generator)
        chosen, fate, other = (each.to(tokens.device) for each in (chosen, fate, other))
        truth = tokens.gather(1, chosen)
        seen = truth.where(fate >= MASKED + REPLACED, other).masked_fill(fate < MASKED, vocabulary)
        return Examples(tokens.scatter(1, chosen, seen), torch.full_like(tokens, NOT_ASKED).scatter(1, chosen, truth))

    def losses(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """Mean of each lane over the tokens asked for, in nats.  (K, B, T, V), (K, B, T) → (K,)"""
        return _nats(outputs, targets, width).flatten(1).mean(1)

    def reduce_outputs(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """Mean nats of each window, and the share of its tokens that were found.  → (K, B, 2)"""
        logits, truth = _asked_of(outputs[..., :width], targets)
        found = (logits.argmax(-1) == truth).float().mean(-1)
        return torch.stack((_nats(outputs, targets, width).mean(-1), found), -1)

    def evaluation_losses(self, kept: Tensor, _targets: Tensor, _width: int) -> Tensor:
        return kept[..., 0].mean(1)

    def metrics(self, outputs: Tensor, _targets: Tensor, _config: dict[str, Any]) -> dict[str, float]:
        """Of one lane's nats and shares (N, 2)."""
        nats, found = outputs.double().mean(0).tolist()
        return {"perplexity": math.exp(min(nats, 700.0)), "accuracy": found}

    def artifacts(self, _outputs: Tensor, _targets: Tensor, config: dict[str, Any]) -> dict[str, Any]:
        """The tokenizer that the model's tokens are those of, where it has one."""
        return {"tokenizer.json": json.loads(config["tokenizer"])} if "tokenizer" in config else {}

    def parse_inputs(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> list[Tensor]:
        """The tokens of each text, masks among them.

        Raises WrongInput, naming every input that is no text in the model's tokens, has no mask, or is too long.
        """
        read = [_read(given, config) for given in inputs]
        wrong = tuple((f"/inputs/{place}", fault) for place, fault in enumerate(read) if isinstance(fault, str))
        if wrong:
            raise WrongInput(f"Input {wrong[0][0].removeprefix('/inputs/')} {wrong[0][1]}.", wrong)
        return [tokens for tokens in read if isinstance(tokens, Tensor)]

    def format_outputs(self, outputs: list[tuple[Tensor, Tensor]], config: dict[str, Any]) -> list[str]:
        """The texts with their masks filled, of tokens (T,) and logits (T, V)."""
        vocabulary = config["outputs"] - 1
        filled = (tokens.where(tokens < vocabulary, logits[:, :vocabulary].argmax(-1)) for tokens, logits in outputs)
        if "tokenizer" in config:
            return [tokenizers.decoded(config["tokenizer"], tokens.tolist()) for tokens in filled]
        return ["".join(config["alphabet"][token] for token in tokens.tolist()) for tokens in filled]


def _generator() -> torch.Generator:
    """Masks of an evaluation belong to the data set, never to a job."""
    return torch.Generator().manual_seed(EXAM_SEED)


def _asked(tokens: int) -> int:
    return max(1, round(SHARE * tokens))


def _asked_of(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and truth where something is asked.  (K, B, T, V), (K, B, T) → (K, B, A, V), (K, B, A)"""
    asked = targets != NOT_ASKED
    shape = (*targets.shape[:2], -1)
    return logits[asked].view(*shape, logits.shape[-1]), targets[asked].view(shape)


def _nats(outputs: Tensor, targets: Tensor, width: int) -> Tensor:
    """→ (K, B, A)"""
    logits, truth = _asked_of(outputs[..., :width], targets)
    nats = functional.cross_entropy(logits.flatten(0, -2).float(), truth.flatten().long(), reduction="none")
    return nats.view(truth.shape)


def _read(given: Any, config: dict[str, Any]) -> Tensor | str:
    """The tokens of a text, masks among them; or what is wrong with it."""
    if not isinstance(given, str) or MASK not in given or any("\ud800" <= each <= "\udfff" for each in given):
        return f"must be a text with {MASK} in the place of each token to be found"
    pieces, mask = given.split(MASK), config["outputs"] - 1
    if "tokenizer" in config:
        numbers = [tokenizers.encoded(config["tokenizer"], piece) for piece in pieces]
    else:
        places = {character: place for place, character in enumerate(config["alphabet"])}
        unknown = next((character for character in "".join(pieces) if character not in places), None)
        if unknown is not None:
            return f"has a character that the training text has not: {unknown!r}"
        numbers = [[places[character] for character in piece] for piece in pieces]
    tokens = numbers[0] + [token for piece in numbers[1:] for token in (mask, *piece)]
    unit, context = "tokens" if "tokenizer" in config else "characters", config["inputs"][0]
    return (
        torch.tensor(tokens)
        if len(tokens) <= context
        else f"has {len(tokens)} {unit}; the model sees {context} at once"
    )
