"""Question answering in a context: where in it the answer starts and where it ends.

K lanes, B batch, T tokens of a question and its context, N rows.
"""

from typing import Any

import torch
from torch import Tensor

from unitscale.errors import WrongInput
from worker.trainer.assembly.prepared_data import PreparedData
from worker.trainer.data import passages, vocabulary
from worker.trainer.data.examples import Splits
from worker.trainer.data.pairs import ASKED
from worker.trainer.data.passages import NOWHERE, Asked, Passage
from worker.trainer.evaluation import squad
from worker.trainer.inference.sequences import TOKENIZER, VOCABULARY, fault_of

NEVER = float("-inf")
LONGEST = {"question": 20_000, "context": 100_000}
"""Characters."""


class AnswerSpans:
    """Mean of both cross entropies over the context's tokens, in nats. Of an answer that was cut off there is none."""

    def prepare(self, splits: Splits, facts: dict[str, Any]) -> PreparedData:
        words = facts[VOCABULARY]
        shape = [splits.training.inputs.shape[1], vocabulary.size_of(words)]
        return PreparedData(splits, {"inputs": shape, "outputs": 2, VOCABULARY: words}, facts["asked"])

    def losses(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """Of each lane.  (K, B, T, 2), (K, B, 4) → (K,)"""
        return _nats(_logits(outputs, targets, width), targets).sum(1) / self.terms(targets)

    def terms(self, targets: Tensor) -> Tensor:
        """How many answers can be found, of each lane; where there is none, nothing is learnt.  → (K,)"""
        return (targets[..., 0] != NOWHERE).sum(1).clamp(min=1)

    def reduce_outputs(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """Nats, and the likeliest first and last token.  → (K, B, 1, 3)"""
        logits = _logits(outputs, targets, width)
        return torch.stack((_nats(logits, targets), *_likeliest(logits)), -1).unsqueeze(2)

    def evaluation_losses(self, kept: Tensor, targets: Tensor, _width: int) -> Tensor:
        return kept[:, :, 0, 0].sum(1) / self.terms(targets)

    def metrics(self, _outputs: Tensor, _targets: Tensor, _config: dict[str, Any]) -> dict[str, float]:
        """None of tokens: answers are graded by their texts."""
        return {}

    def span_metrics(self, outputs: Tensor, asked: Asked) -> dict[str, float]:
        """What the texts are worth that one lane points at.  (N, 1, 3)"""
        return squad.graded(_texts(outputs, asked), [answers for _, answers in asked])

    def span_documents(self, outputs: Tensor, asked: Asked) -> dict[str, Any]:
        asked = asked[:ASKED]
        questions = [(passage.question, answers) for passage, answers in asked]
        return squad.document(_texts(outputs[: len(asked)], asked), questions)

    def artifacts(self, _outputs: Tensor, _targets: Tensor, config: dict[str, Any]) -> dict[str, Any]:
        return {TOKENIZER: vocabulary.document(config[VOCABULARY])}

    def parse_inputs(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> list[Passage]:
        """Raises WrongInput, naming every input that is no question with a context."""
        wrong = [(place, *fault) for place, given in enumerate(inputs) for fault in _faults(given)]
        if wrong:
            fields = tuple((f"/inputs/{place}{where}", why) for place, where, why in wrong)
            place, where, why = wrong[0]
            raise WrongInput(f"Input {place}: {where[1:] or 'it'} {why}.", fields)
        texts = ((given["question"], given["context"]) for given in inputs)
        return list(passages.passages(texts, config[VOCABULARY], config["inputs"][0]))

    def format_outputs(self, outputs: list[tuple[Passage, Tensor]], _config: dict[str, Any]) -> list[str]:
        """The text of each passage that is the likeliest, by its logits (T, 2)."""
        return [passage.text(_span(passage, logits)) for passage, logits in outputs]


def _texts(outputs: Tensor, asked: Asked) -> list[str]:
    """What one lane points at.  (N, 1, 3)"""
    spans = outputs[:, 0, 1:].long().tolist()
    return [passage.text((start, end)) for (passage, _), (start, end) in zip(asked, spans, strict=True)]


def _logits(outputs: Tensor, targets: Tensor, width: int) -> Tensor:
    """Of the context's tokens, −∞ elsewhere.  (K, B, T, O) → (K, B, T, 2)"""
    first, end = targets[..., 2:].unsqueeze(-1).unbind(-2)
    places = torch.arange(outputs.shape[2], device=outputs.device)
    outside = (places < first) | (places >= end)
    return outputs[..., :width].float().masked_fill(outside.unsqueeze(-1), NEVER)


def _nats(logits: Tensor, targets: Tensor) -> Tensor:
    """→ (K, B), 0 where the answer is nowhere"""
    places = targets[..., :2].long()
    nats = -logits.log_softmax(2).gather(2, places.clamp(min=0).unsqueeze(2)).squeeze(2).mean(-1)
    return nats.where(places[..., 0] != NOWHERE, 0)


def _likeliest(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The first and the last token of the likeliest span: none ends before it starts.  (…, T, 2) → (…) each"""
    starts, ends = logits.unbind(-1)
    best, places = starts.cummax(-1)
    end = (best + ends).argmax(-1, keepdim=True)
    return places.gather(-1, end).squeeze(-1), end.squeeze(-1)


def _span(passage: Passage, logits: Tensor) -> tuple[int, int]:
    inside = logits[passage.first : passage.first + len(passage.places)]
    start, end = (int(place) for place in _likeliest(inside.float()))
    return passage.first + start, passage.first + end


def _faults(given: Any) -> list[tuple[str, str]]:
    """What is wrong with an input, and where in it."""
    if not isinstance(given, dict):
        return [("", 'must be an object, {"question": …, "context": …}')]
    wrong = [(f"/{name}", "does not belong here") for name in given if name not in LONGEST]
    for name, longest in LONGEST.items():
        why = fault_of(given.get(name), longest)
        if why or not given[name].strip():
            wrong.append((f"/{name}", why or "must not be empty"))
    return wrong
