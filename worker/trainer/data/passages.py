"""Questions with contexts as data: tokens, and where among them an answer stands.

N rows, T tokens of a question and its context, each with an end, then padding.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from unitscale.models.specs import JobSpec
from worker.trainer.data import pairs, vocabulary
from worker.trainer.data.rows import unpacked
from worker.trainer.data.vocabulary import END, PAD, Place
from worker.trainer.engine.padding import up

Span = tuple[int, int]
"""The first and the last token of an answer."""
NOWHERE = -1
BEFORE = " "
"""Stands before every text, so that its first word has the same tokens as elsewhere."""


@dataclass(frozen=True)
class Passage:
    """A question and its context as a model reads them."""

    question: str
    tokens: list[int]
    first: int
    """The first token of the context."""
    context: str
    places: list[Place]
    """Of the context's tokens, in its characters."""

    def text(self, span: Span) -> str:
        """What stands in the context from one token to another."""
        start, end = (token - self.first for token in span)
        return self.context[self.places[start][0] : self.places[end][1]].strip()

    def span(self, answers: Sequence[str]) -> Span:
        """The tokens in which the first of the answers that is there stands; nowhere, where it was cut off."""
        found = next((place for answer in answers if (place := place_of(answer, self.context))), None)
        if found is None or not self.places or self.places[-1][1] < found[1]:
            return NOWHERE, NOWHERE
        start = next(token for token, place in enumerate(self.places) if place[1] > found[0])
        end = next(token for token, place in enumerate(self.places) if place[1] >= found[1])
        return self.first + start, self.first + end


Asked = list[tuple[Passage, list[str]]]
"""Passages, and what may be answered to each."""


def place_of(answer: str, context: str) -> Place | None:
    """Where an answer stands first, as words of its own if it does somewhere."""
    whole = re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", context)
    start = whole.start() if whole else context.find(answer)
    return None if start < 0 else (start, start + len(answer))


def tokenized(tensors: Mapping[str, Tensor], spec: JobSpec, training: int) -> dict[str, Tensor]:
    """Rows of texts (`text`, `ends`) with the same as tokens: `inputs` (N, T) and the `vocabulary` of the first
    `training` rows; `targets` (N, 4): the first and the last token of an answer, the first of the context and its end.
    """
    kind, size = spec.data.tokenizer or "bpe", int(spec.data.vocabulary or 0)
    words = vocabulary.trained(_texts(tensors, min(training, pairs.READ)), kind, size)
    inputs, targets = _numbers(_asked(tensors, words, int(spec.model.context or 0), 0, len(tensors["ends"])))
    read = torch.frombuffer(bytearray(words.encode()), dtype=torch.uint8)
    return {**tensors, "inputs": inputs, "targets": targets, "vocabulary": read}


def asked(tensors: Mapping[str, Tensor], first: int, end: int) -> Asked:
    """The rows from `first` up to `end`."""
    return list(_asked(tensors, pairs.words_of(tensors), tensors["inputs"].shape[1], first, end))


def passages(texts: Iterable[tuple[str, str]], words: str, longest: int) -> Iterator[Passage]:
    """Questions and their contexts, cut where they are too long for `longest` tokens: a question at half of them."""
    both = iter(texts)
    while some := list(islice(both, vocabulary.AT_ONCE)):
        sides = vocabulary.placed(words, (BEFORE + text for row in some for text in row))
        for (question, context), (asked, _), (tokens, places) in zip(some, sides, sides, strict=True):
            head = [*asked[: longest // 2 - 1], END]
            room = longest - len(head) - 1
            yield Passage(question, [*head, *tokens[:room], END], len(head), context, _moved(places[:room]))


def _asked(tensors: Mapping[str, Tensor], words: str, longest: int, first: int, end: int) -> Iterator[tuple]:
    answers = (pairs.answers_of(row) for row in unpacked(tensors, first, end))
    texts = ((row[0], row[2]) for row in unpacked(tensors, first, end))
    return zip(passages(texts, words, longest), answers, strict=True)


def _texts(tensors: Mapping[str, Tensor], count: int) -> Iterator[str]:
    for question, _, context in unpacked(tensors, 0, count):
        yield BEFORE + question
        yield BEFORE + context


def _moved(places: list[Place]) -> list[Place]:
    """Places in a text, of those behind what stands before it."""
    return [(max(0, start - len(BEFORE)), max(0, end - len(BEFORE))) for start, end in places]


def _numbers(asked: Iterable[tuple[Passage, list[str]]]) -> tuple[Tensor, Tensor]:
    rows, targets = list[np.ndarray](), list[tuple[int, ...]]()
    for passage, answers in asked:
        rows.append(np.array(passage.tokens, np.int16))
        targets.append((*passage.span(answers), passage.first, passage.first + len(passage.places)))
    inputs = np.full((len(rows), up(max(map(len, rows)))), PAD, np.int16)
    for row, tokens in zip(inputs, rows, strict=True):
        row[: len(tokens)] = tokens
    return torch.from_numpy(inputs), torch.tensor(targets, dtype=torch.int32)
