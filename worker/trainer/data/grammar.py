"""The data set `grammar`: sentences of a small formal grammar, made on the spot."""

from itertools import count

import torch
from torch import Tensor

from worker.trainer.data.text import numbered

SEED = 20260104
CHARACTERS = 220_000

RULES: dict[str, list[str]] = {
    "sentence": ["one says .", "many say .", "if one says , many say .", "many say and one says ."],
    "one": ["the noun", "a quality noun", "the noun of many"],
    "many": ["the noun s", "quality noun s", "digit noun s"],
    "says": ["verb s", "verb s one", "verb s that many say"],
    "say": ["verb", "verb many", "verb that one says"],
    "noun": ["model", "lane", "unit", "batch", "curve", "weight", "scale"],
    "verb": ["train", "measure", "widen", "follow", "repeat", "keep"],
    "quality": ["small", "wide", "deep", "noisy", "calm"],
    "digit": ["two", "three", "seven", "twelve"],
}
DEEPEST = 6
"""Beyond this depth the first, shortest form is taken, so that every sentence ends."""


def make() -> dict[str, Tensor]:
    """Sentences, one a line, until there are enough characters."""
    draws = torch.rand(CHARACTERS, generator=torch.Generator().manual_seed(SEED)).tolist()
    numbers, lines, size = count(), [], 0
    while size < CHARACTERS:
        words = _grown("sentence", draws, numbers, 0)
        lines.append(" ".join(words).replace(" s ", "s ").replace(" s.", "s.").replace(" .", ".").replace(" ,", ","))
        size += len(lines[-1]) + 1
    return numbered("\n".join(lines)[:CHARACTERS])


def _grown(symbol: str, draws: list[float], numbers: "count[int]", depth: int) -> list[str]:
    if symbol not in RULES:
        return [symbol]
    forms = RULES[symbol] if depth < DEEPEST or symbol in {"noun", "verb", "quality", "digit"} else RULES[symbol][:1]
    form = forms[int(draws[next(numbers)] * len(forms))]
    return [word for part in form.split() for word in _grown(part, draws, numbers, depth + 1)]
