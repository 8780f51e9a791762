"""Masked language modelling: the tokens behind a mask, from those on both sides (BERT, arXiv:1810.04805).

K lanes, B batch, T tokens, V vocabulary, N windows.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unitscale.errors import WrongInput
from worker.trainer.assembly.prepared_data import PreparedData
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
        alphabet = facts["alphabet"]
        config = {"inputs": [splits.training.inputs.shape[1]], "outputs": len(alphabet) + 1, "alphabet": alphabet}
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

    def artifacts(self, _outputs: Tensor, _targets: Tensor, _config: dict[str, Any]) -> dict[str, Any]:
        return {}

    def parse_inputs(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> list[Tensor]:
        """The tokens of each text, masks among them.

        Raises WrongInput, naming every input that is no text in the model's alphabet, has no mask, or is too long.
        """
        places = {character: place for place, character in enumerate(config["alphabet"])}
        wrong = [(n, fault) for n, given in enumerate(inputs) if (fault := _fault(given, places, config["inputs"][0]))]
        if wrong:
            fields = tuple((f"/inputs/{place}", detail) for place, detail in wrong)
            raise WrongInput(f"Input {wrong[0][0]} {wrong[0][1]}.", fields)
        return [torch.tensor(_numbers(given, places)) for given in inputs]

    def format_outputs(self, outputs: list[tuple[Tensor, Tensor]], config: dict[str, Any]) -> list[str]:
        """The texts with their masks filled, of tokens (T,) and logits (T, V)."""
        vocabulary = config["outputs"] - 1
        filled = (tokens.where(tokens < vocabulary, logits[:, :vocabulary].argmax(-1)) for tokens, logits in outputs)
        return ["".join(config["alphabet"][token] for token in tokens.tolist()) for tokens in filled]


def _generator() -> torch.Generator:
    """The evaluator's masks belong to the data set, never to a job."""
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


def _numbers(text: str, places: dict[str, int]) -> list[int]:
    pieces = [[places[character] for character in piece] for piece in text.split(MASK)]
    return pieces[0] + [token for piece in pieces[1:] for token in (len(places), *piece)]


def _fault(given: Any, places: dict[str, int], context: int) -> str | None:
    if not isinstance(given, str) or MASK not in given:
        return f"must be a text with {MASK} in the place of each character to be found"
    characters = given.replace(MASK, "")
    unknown = next((character for character in characters if character not in places), None)
    if unknown is not None:
        return f"has a character that the training text has not: {unknown!r}"
    tokens = len(characters) + given.count(MASK)
    return None if tokens <= context else f"has {tokens} characters; the model sees {context} at once"
