"""Text as data: characters as numbers, and windows of a text as examples.  N windows of T characters."""

from itertools import pairwise

import torch
from torch import Tensor

from unitscale.errors import BadDataset
from worker.trainer.data import vocabulary
from worker.trainer.data.examples import Examples, Splits

READ = 10_000_000
"""Characters that pieces are learnt from, at the most."""


def numbered(text: str) -> dict[str, Tensor]:
    """A text as places in its own alphabet, and the alphabet as code points."""
    alphabet = sorted(set(text))
    if len(alphabet) > torch.iinfo(torch.int16).max:
        raise BadDataset(f"The text has {len(alphabet)} different characters; at most 32767 can be told apart.")
    places = {character: place for place, character in enumerate(alphabet)}
    smallest = torch.uint8 if len(alphabet) <= 256 else torch.int16
    return {
        "tokens": torch.tensor([places[character] for character in text], dtype=smallest),
        "alphabet": torch.tensor([ord(character) for character in alphabet], dtype=torch.int32),
    }


def pieced(tensors: dict[str, Tensor], size: int, held_out: tuple[int, int]) -> dict[str, Tensor]:
    """A text as pieces learnt from its training part: `tokens`, and how many of the last ones are `held_out`."""
    text = _text(tensors)
    ends = (0, len(text) - sum(held_out), len(text) - held_out[1], len(text))
    parts = [text[first:end] for first, end in pairwise(ends)]
    words = vocabulary.trained(parts[0][:READ].splitlines(keepends=True), "bpe", size)
    numbers = [vocabulary.encoded_lines(words, part) for part in parts]
    return {
        "tokens": torch.tensor([token for part in numbers for token in part], dtype=torch.int16),
        "held_out": torch.tensor([len(part) for part in numbers[1:]]),
        "tokenizer": torch.frombuffer(bytearray(words.encode()), dtype=torch.uint8),
    }


def _text(tensors: dict[str, Tensor]) -> str:
    points = tensors["alphabet"].numpy().astype("<u4")[tensors["tokens"].numpy()]
    return points.tobytes().decode("utf-32-le")


def windows(tokens: Tensor, context: int) -> Examples:
    """A text cut into windows, the target of each character being the one that follows it."""
    count = (len(tokens) - 1) // context
    if not count:
        raise BadDataset(f"A split has {len(tokens)} characters, too few for a context of {context}.")
    used = tokens[: count * context + 1]
    return Examples(used[:-1].view(count, context), used[1:].view(count, context))


def cut_text(tokens: Tensor, validation: int, test: int, fraction: float, context: int) -> Splits:
    """The last parts of a text are held out; of the rest, the first `fraction` is used."""
    training = len(tokens) - validation - test
    used = max(context + 1, round(training * fraction))
    ends = ((0, used), (training, training + validation), (training + validation, len(tokens)))
    return Splits(*(windows(tokens[first:end], context) for first, end in ends))
