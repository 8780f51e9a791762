"""Vocabularies: texts as tokens and back, characters or byte-level BPE, in the format of the library `tokenizers`.

A vocabulary follows from the texts alone, and travels as its JSON: nothing is ever unpickled.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL = ("<pad>", "<start>", "<end>")
"""The first tokens of every vocabulary: padding, and both ends of a text that is written."""
PAD, START, END = range(len(SPECIAL))
UNKNOWN = "<unknown>"
FEWEST = 2
"""Times that a pair of tokens must be there to become one."""
LONGEST = 256
"""Characters without a space that pieces are made of: to learn them from a longer run takes its square."""
AT_ONCE = 4096
KEPT = 8

Kind = Literal["characters", "bpe"]
Place = tuple[int, int]
"""Of the first character, and behind the last."""


def trained(texts: Iterable[str], kind: Kind, size: int) -> str:
    """The JSON of a vocabulary for texts like these: all their characters, or `size` pieces at the most."""
    tokenizer = _characters(texts) if kind == "characters" else _pieces(texts, size)
    return tokenizer.to_str()


def size_of(vocabulary: str) -> int:
    """Tokens that it tells apart."""
    return _loaded(vocabulary).get_vocab_size()


def encoded(vocabulary: str, texts: Iterable[str]) -> Iterator[list[int]]:
    """The tokens of each text. What looks like a special token in it is text."""
    tokenizer, rest = _loaded(vocabulary), iter(texts)
    while some := list(islice(rest, AT_ONCE)):
        yield from (found.ids for found in tokenizer.encode_batch_fast(some))


def placed(vocabulary: str, texts: Iterable[str]) -> Iterator[tuple[list[int], list[Place]]]:
    """The tokens of each text, and where in it they stand."""
    tokenizer, rest = _loaded(vocabulary), iter(texts)
    while some := list(islice(rest, AT_ONCE)):
        yield from ((found.ids, found.offsets) for found in tokenizer.encode_batch(some))


def decoded(vocabulary: str, tokens: Sequence[Sequence[int]]) -> list[str]:
    """The text of each row of tokens, without the special ones."""
    plain = [[token for token in row if token >= len(SPECIAL)] for row in tokens]
    return _loaded(vocabulary).decode_batch(plain, skip_special_tokens=False)


def encoded_lines(vocabulary: str, text: str) -> list[int]:
    """The tokens of a long text, line by line."""
    return [token for line in encoded(vocabulary, text.splitlines(keepends=True)) for token in line]


def tokens_of(vocabulary: str) -> list[str]:
    """Its tokens in their order."""
    found = _loaded(vocabulary).get_vocab()
    return sorted(found, key=lambda token: found[token])


def document(vocabulary: str) -> Any:
    """The vocabulary as JSON is read."""
    return json.loads(vocabulary)


@lru_cache(KEPT)
def _loaded(vocabulary: str) -> "Tokenizer":
    tokenizer = _library().Tokenizer.from_str(vocabulary)
    tokenizer.encode_special_tokens = True
    return tokenizer


def _library():  # noqa: ANN202  a module
    """The library, on one thread: a slot has one core."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import tokenizers  # noqa: PLC0415  most trainers never see a vocabulary

    return tokenizers


def _characters(texts: Iterable[str]) -> "Tokenizer":
    library = _library()
    alphabet = sorted(set().union(*texts))
    places = {token: place for place, token in enumerate((*SPECIAL, UNKNOWN, *alphabet))}
    tokenizer = library.Tokenizer(library.models.WordLevel(places, UNKNOWN))
    tokenizer.pre_tokenizer = library.pre_tokenizers.Split(library.Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = library.decoders.Fuse()
    return tokenizer


def _pieces(texts: Iterable[str], size: int) -> "Tokenizer":
    library = _library()
    tokenizer = library.Tokenizer(library.models.BPE())
    runs = library.pre_tokenizers.Split(library.Regex(rf"\S{{{LONGEST}}}"), "isolated")
    words = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = library.pre_tokenizers.Sequence([runs, words])
    tokenizer.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=FEWEST,
        special_tokens=list(SPECIAL),
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
