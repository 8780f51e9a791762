"""Which end of a measure is the better one, and where it is of the same thing."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

Better = Literal["lower", "higher"]

LOWER = {
    *("val_loss", "train_loss", "loss", "mae", "perplexity", "bits_per_character", "cer", "wer"),
    *("training_seconds", "price", "price_per_million", "peak_memory_bytes", "bytes"),
    *("first_token_ms", "p50", "p95"),
}
HIGHER = {
    *("r2", "accuracy", "bleu", "chrf", "exact_match", "f1"),
    *("steps_per_second", "examples_per_second", "tokens_per_second", "decode_tokens_per_second"),
}
"""By the last part of a path. What is neither has no better end: parameters, waiting, a plug-in's metrics."""

SAME_DATA = ("task", "dataset")
SAME_TOKENS = ("data.tokenizer", "data.vocabulary")
PER_TOKEN = {"val_loss", "train_loss", "perplexity"}


def better(path: str) -> Better | None:
    """The better end of the measure of this path."""
    last = path.rpartition(".")[2]
    return "lower" if last in LOWER else "higher" if last in HIGHER else None


def unlike(path: str, measured: Sequence[Any], fields: Mapping[str, Sequence[Any]]) -> list[str]:
    """The fields that make this measure one of different things, of those in which the jobs that have it differ."""
    if not of_quality(path):
        return []
    per_token = path.rpartition(".")[2] in PER_TOKEN
    named = (field for field in (*SAME_DATA, *(SAME_TOKENS if per_token else ())) if field in fields)
    having = [place for place, value in enumerate(measured) if value is not None]
    return [field for field in named if len({fields[field][place] for place in having}) > 1]


def of_quality(path: str) -> bool:
    """Whether it says how well the data were learnt."""
    return path in {"val_loss", "train_loss"} or not {"metrics", "test_metrics"}.isdisjoint(path.split("."))
