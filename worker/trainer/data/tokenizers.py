"""Tokenizers that come with a text of tokens, as JSON of the library `tokenizers`: nothing is ever unpickled."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from unitscale.errors import BadDataset

KEPT = 8
MOST_TOKENS = 2**20
ANY_TEXT = "a Ω 太 \U0010fffd"
"""Of several scripts, and with a character that no vocabulary was learnt from."""


def check(tokenizer: str) -> None:
    """Raises BadDataset for what is no tokenizer, has no tokens, or fails at texts that it has not seen."""
    loaded = _loaded(tokenizer)
    if not loaded.get_vocab(with_added_tokens=True):
        raise BadDataset("tokenizer.json has no tokens: its vocabulary is empty.")
    with _refused("tokenizer.json cannot read every text; its model needs a token for what it does not know"):
        loaded.encode(ANY_TEXT, add_special_tokens=False)


def size_of(tokenizer: str) -> int:
    """One more than the largest token. Raises BadDataset for what is no tokenizer."""
    size = max(_loaded(tokenizer).get_vocab(with_added_tokens=True).values(), default=0) + 1
    if size > MOST_TOKENS:
        raise BadDataset(f"The tokenizer has {size:,} tokens; {MOST_TOKENS:,} are the most.")
    return size


def encoded(tokenizer: str, text: str) -> list[int]:
    """The tokens of a text, without any that the tokenizer would put around it."""
    return _loaded(tokenizer).encode(text, add_special_tokens=False).ids


def decoded(tokenizer: str, tokens: Sequence[int]) -> str:
    """The text of these tokens."""
    return _loaded(tokenizer).decode(list(tokens), skip_special_tokens=False)


@lru_cache(KEPT)
def _loaded(tokenizer: str) -> Any:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a slot has one core
    from tokenizers import Tokenizer  # noqa: PLC0415  most trainers never see one

    with _refused("tokenizer.json is none of the library tokenizers"):
        loaded = Tokenizer.from_str(tokenizer)
    loaded.no_truncation()
    loaded.no_padding()
    return loaded


@contextmanager
def _refused(why: str) -> Iterator[None]:
    """Whatever the library raises is BadDataset, for this reason."""
    try:
        yield
    except BaseException as error:  # the library's panics are no Exceptions
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise BadDataset(f"{why}: {str(error)[:200]}.") from error
