"""Pairs of texts as data: their final order, and the same as tokens.  N pairs, S tokens of a source, T of a target."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from unitscale.models.specs import JobSpec
from worker.trainer.data import vocabulary
from worker.trainer.data.rows import unpacked
from worker.trainer.data.vocabulary import END, PAD, START

IGNORED = -1
"""The target of padding."""
READ = 100_000
"""Training pairs that a vocabulary is made from, at the most."""
ASKED = 200
"""Sources of a split that are answered at the end of a run, at the most."""

Asked = list[tuple[str, list[str]]]
"""Sources, and what may be answered to each."""


def ordered(pairs: Iterable[tuple[str, str]], seed: int, held_out: int) -> list[tuple[str, str]]:
    """Different pairs in a random order, `seed` being the data set's own.

    The last are for `held_out`: none of them has its source in common with another pair.
    """
    key = str(seed).encode()
    ranked = sorted(set(pairs), key=lambda pair: (blake2b(alike(pair[0]).encode(), key=key).digest(), pair))
    times = Counter(alike(source) for source, _ in ranked)
    last = dict.fromkeys([pair for pair in ranked if times[alike(pair[0])] == 1][-held_out:] if held_out else [])
    return [pair for pair in ranked if pair not in last] + list(last)


def alike(source: str) -> str:
    """Equal for sources that differ in case alone."""
    return source.casefold()


def tokenized(tensors: Mapping[str, Tensor], spec: JobSpec, training: int) -> dict[str, Tensor]:
    """Rows of texts (`text`, `ends`) with the same as tokens: `inputs`, `targets`, and the `vocabulary` of both.

    The vocabulary is that of the first `training` rows. Sources and targets are cut at the model's context.
    """
    kind, size = spec.data.tokenizer or "bpe", int(spec.data.vocabulary or 0)
    words = vocabulary.trained(_sides(tensors, min(training, READ)), kind, size)
    inputs, targets = _numbers(tensors, words, int(spec.model.context or 0))
    read = torch.frombuffer(bytearray(words.encode()), dtype=torch.uint8)
    return {**tensors, "inputs": inputs, "targets": targets, "vocabulary": read}


def words_of(tensors: Mapping[str, Tensor]) -> str:
    """The JSON of the vocabulary."""
    return bytes(tensors["vocabulary"].numpy()).decode()


def asked(tensors: Mapping[str, Tensor], first: int, end: int) -> Asked:
    """Some of the rows from `first` up to `end`, as they were written."""
    return [(row[0], answers_of(row)) for row in unpacked(tensors, first, min(end, first + ASKED))]


def answers_of(row: Sequence[str]) -> list[str]:
    """What may be answered: the target, or, of a question, any of a list."""
    return json.loads(row[1]) if len(row) > 2 else [row[1]]


def sources(texts: Sequence[str], words: str, longest: int) -> Tensor:
    """What a model reads: tokens, an end, padding.  (N, S)"""
    filled = np.full((len(texts), longest), PAD, np.int16)
    for place, tokens in enumerate(vocabulary.encoded(words, texts)):
        _fill(filled[place], [*tokens[: longest - 1], END])
    return torch.from_numpy(filled)


def _sides(tensors: Mapping[str, Tensor], count: int) -> Iterator[str]:
    """Both texts of each of the first rows."""
    for row in unpacked(tensors, 0, count):
        yield row[0]
        yield answers_of(row)[0]


def _numbers(tensors: Mapping[str, Tensor], words: str, longest: int) -> tuple[Tensor, Tensor]:
    """inputs (N, S + T): a source and what a decoder reads; targets (N, T): what it should say to that."""
    count = len(tensors["ends"])
    inputs = np.full((count, 2 * longest), PAD, np.int16)
    targets = np.full((count, longest), IGNORED, np.int16)
    sides = vocabulary.encoded(words, _sides(tensors, count))
    for place, (source, target) in enumerate(zip(sides, sides, strict=True)):
        _fill(inputs[place], [*source[: longest - 1], END])
        _fill(inputs[place, longest:], [START, *target[: longest - 1]])
        _fill(targets[place], [*target, END][:longest])
    return torch.from_numpy(inputs), torch.from_numpy(targets)


def _fill(row: np.ndarray, tokens: list[int]) -> None:
    row[: len(tokens)] = tokens
