"""Tokens: what the texts of a job are cut into, filled in, or refused."""

from collections.abc import Mapping
from typing import Any

from unitscale.models.catalog import OF_TEXT
from unitscale.models.datasets import Dataset
from unitscale.models.specs import Data, JobSpec

MOST_PIECED = 50_000_000
"""Characters of a text that is cut into pieces when a job starts."""


def filled(data: Data, defaults: Mapping[str, Any]) -> Data:
    """With the defaults of a task where it says nothing."""
    if "tokenizer" not in defaults:
        return data
    tokenizer = data.tokenizer or defaults["tokenizer"]
    vocabulary = data.vocabulary or (defaults["vocabulary"] if tokenizer == "bpe" else None)
    return data.model_copy(update={"tokenizer": tokenizer, "vocabulary": vocabulary})


def unsupported(spec: JobSpec, uploaded: Dataset | None, default: str | None) -> list[tuple[str, str]]:
    """A vocabulary where there are no texts, or of another size than there are characters."""
    if default is None:
        return [
            (f"/data/{field}", f"{spec.task} has no choice of tokens.")
            for field in ("tokenizer", "vocabulary")
            if getattr(spec.data, field) is not None
        ]
    if spec.data.vocabulary is not None and (spec.data.tokenizer or default) != "bpe":
        return [("/data/vocabulary", "vocabulary belongs to bpe; there are as many characters as the texts have.")]
    return _unsupported_pieces(spec, uploaded) if spec.task in OF_TEXT and spec.data.tokenizer == "bpe" else []


def _unsupported_pieces(spec: JobSpec, uploaded: Dataset | None) -> list[tuple[str, str]]:
    """What pieces of a text do not allow: they are learnt, and counted, when a job starts."""
    contents = uploaded.contents if uploaded else None
    characters = (contents.characters if contents else 0) or 0
    most = (
        f"bpe is learnt when a job starts, from {MOST_PIECED:,} at the most. Take characters, or upload it as tokens: "
        "a .zip of .bin files and the tokenizer.json that made them."
    )
    checks = (
        (spec.budget.epochs is not None, "/budget/epochs", "How many pieces there are is not known; give steps."),
        (characters > MOST_PIECED, "/data/tokenizer", f"The text has {characters:,} characters; {most}"),
        (
            contents is not None and contents.tokens is not None,
            "/data/tokenizer",
            "The text came as tokens, with a tokenizer of its own.",
        ),
    )
    return [(pointer, detail) for wrong, pointer, detail in checks if wrong]
