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
TIMED = {"training_seconds", "first_token_ms", "p50", "p95"} | {name for name in HIGHER if name.endswith("_per_second")}
"""Times are of the hardware, and those of training of how many jobs it trained at a time, too."""
OF_MACHINE = TIMED | {"peak_memory_bytes"}
"""Memory, too: what it takes depends on the device, and jobs of one process share it."""
PER_TOKEN = {"val_loss", "train_loss", "perplexity"}


def better(path: str) -> Better | None:
    """The better end of the measure of this path. Nothing is chosen by the test split."""
    if path.startswith("test_metrics."):
        return None
    last = path.rpartition(".")[2]
    return "lower" if last in LOWER else "higher" if last in HIGHER else None


def unlike(path: str, measured: Sequence[Any], fields: Mapping[str, Sequence[Any]]) -> list[str]:
    """What makes this measure one of different things: fields or circumstances in which jobs that have it differ."""
    named = [field for field in _same(path) if field in fields]
    having = [place for place, value in enumerate(measured) if value is not None]
    return [field for field in named if len({fields[field][place] for place in having}) > 1]


def _same(path: str) -> tuple[str, ...]:
    """What jobs must have in common for this measure to be of the same thing."""
    last = path.rpartition(".")[2]
    if of_quality(path):
        return SAME_DATA + (SAME_TOKENS if last in PER_TOKEN else ())
    if last in OF_MACHINE:
        return ("hardware",) if path.startswith("deployment.") else ("hardware", "lanes")
    return ()


def of_process(path: str) -> bool:
    """Whether it is measured of the process that trains, of all of its jobs at once."""
    last = path.rpartition(".")[2]
    return not path.startswith("deployment.") and (last in OF_MACHINE or last == "price")


def of_quality(path: str) -> bool:
    """Whether it says how well the data were learnt."""
    return path in {"val_loss", "train_loss"} or not {"metrics", "test_metrics"}.isdisjoint(path.split("."))
