"""Tokenizers that come with a text of tokens, as JSON of the library `tokenizers`: nothing is ever unpickled."""

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from unitscale.errors import BadDataset

KEPT = 8
MOST_TOKENS = 2**20


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

    try:
        loaded = Tokenizer.from_str(tokenizer)
    except BaseException as error:  # the library's panics are no Exceptions
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise BadDataset(f"tokenizer.json is none of the library tokenizers: {str(error)[:200]}.") from error
    loaded.no_truncation()
    loaded.no_padding()
    return loaded
