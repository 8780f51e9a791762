"""What the tasks have in common whose examples are a text and the text that belongs to it.

K lanes (one), B pairs, S tokens of a source, T of a target, M real ones of all targets, V vocabulary.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unitscale.errors import WrongInput
from worker.trainer.assembly.prepared_data import PreparedData
from worker.trainer.data import pairs, vocabulary
from worker.trainer.data.examples import Splits

VOCABULARY, TOKENIZER = "vocabulary", "tokenizer.json"
"""What config calls the vocabulary, and the file that a trained model leaves of it."""
LONGEST_INPUT = 20_000
"""Characters."""


class Sequences:
    """Cross entropy of the next token of the target, in nats: a mean over real tokens, padding left out."""

    def prepare(self, splits: Splits, facts: dict[str, Any]) -> PreparedData:
        words = facts[VOCABULARY]
        shape = [splits.training.inputs.shape[1]]
        config = {"inputs": shape, "outputs": vocabulary.size_of(words), VOCABULARY: words}
        return PreparedData(splits, config, facts["asked"])

    def losses(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """Of each lane.  (1, M, V), or (1, B, T, V), and (1, B, T) → (1,)"""
        return functional.cross_entropy(*_real(outputs, targets, width)).unsqueeze(0)

    def terms(self, targets: Tensor) -> Tensor:
        """How many terms the mean of such a part of a batch has."""
        return (targets != pairs.IGNORED).sum()

    def reduce_outputs(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """Nats and real tokens of each pair, so that pairs of all lengths make one mean.  → (1, B, 2)"""
        real = targets != pairs.IGNORED
        nats = torch.zeros(targets.shape, device=outputs.device)
        nats[real] = functional.cross_entropy(*_real(outputs, targets, width), reduction="none")
        return torch.stack((nats.sum(2), real.sum(2)), 2)

    def evaluation_losses(self, kept: Tensor, _targets: Tensor, _width: int) -> Tensor:
        nats, tokens = kept.double().sum(1).unbind(1)
        return nats / tokens

    def metrics(self, outputs: Tensor, targets: Tensor, _config: dict[str, Any]) -> dict[str, float]:
        """Of one lane's nats and tokens (N, 2)."""
        return {"perplexity": math.exp(min(self.evaluation_losses(outputs.unsqueeze(0), targets, 0).item(), 700.0))}

    def artifacts(self, _outputs: Tensor, _targets: Tensor, config: dict[str, Any]) -> dict[str, Any]:
        return {TOKENIZER: vocabulary.document(config[VOCABULARY])}

    def parse_inputs(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> Tensor:
        """Sources as tokens (N, S). Raises WrongInput, naming every input that is no text."""
        wrong = [(place, detail) for place, given in enumerate(inputs) if (detail := fault_of(given))]
        if wrong:
            fields = tuple((f"/inputs/{place}", detail) for place, detail in wrong)
            raise WrongInput(f"Input {wrong[0][0]} {wrong[0][1]}.", fields)
        return pairs.sources(inputs, config[VOCABULARY], config["inputs"][0] // 2)

    def format_outputs(self, outputs: list[list[int]], config: dict[str, Any]) -> list[str]:
        return [text.strip() for text in vocabulary.decoded(config[VOCABULARY], outputs)]


def _real(outputs: Tensor, targets: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Logits (M, V) and targets (M,) without padding, which a model may have left out already."""
    real = targets != pairs.IGNORED
    logits = outputs[0] if outputs.dim() == targets.dim() else outputs[real]
    return logits[..., :width].float(), targets[real].long()


def fault_of(given: Any, longest: int = LONGEST_INPUT) -> str | None:
    """Why something is no text that can be read."""
    if not isinstance(given, str):
        return "must be a text"
    if len(given) > longest:
        return f"has {len(given):,} characters; {longest:,} are the most"
    if any("\ud800" <= character <= "\udfff" for character in given):
        return "has half a character"
    return None
