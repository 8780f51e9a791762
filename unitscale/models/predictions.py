"""Asking a trained model."""

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from unitscale.models.document import Answer, Document
from unitscale.models.formats import Format

MOST_TOKENS = 2**16
"""That one request may have written: inputs · max_tokens · beams."""
LENGTH = "/sampling/max_tokens"
"""Where a request says it."""


class Sampling(Document):
    """How the next token of a text is chosen."""

    temperature: Annotated[float, Field(ge=0, le=10)] | None = None
    """Flattens (above 1) or sharpens (below 1) the chances; 0 always takes the likeliest token. Null: 0.8 for
    continuations, 0 for translations and answers."""
    top_k: Annotated[int, Field(ge=1, le=10**6)] | None = None
    """Only the likeliest so many are chosen from."""
    max_tokens: Annotated[int, Field(ge=1, le=2048)] = 200
    """Tokens to write to each input. Inputs · max_tokens · beams are 65,536 at most."""
    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] = 0
    """The same seed and inputs give the same outputs."""
    beams: Annotated[int, Field(ge=1, le=16)] = 1
    """Translations and answers: how many are written side by side, of which the likeliest is given (beam search)."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.beams > 1 and (self.temperature or self.top_k is not None):
            raise ValueError("beams search the likeliest text, and draw nothing; leave out temperature and top_k")
        return self

    def excess(self, inputs: int) -> str | None:
        """Why it is more than one request may ask for, to so many inputs; None where it is not."""
        written = inputs * self.max_tokens * self.beams
        if written <= MOST_TOKENS:
            return None
        return f"inputs · max_tokens · beams is {written:,}; {MOST_TOKENS:,} tokens are the most of one request"


class PredictionRequest(Document):
    """Inputs for a trained model: rows of numbers, images (nested lists or base64 PNG), texts to be continued,
    translated or answered, `{"question", "context"}`, recordings (base64 WAV)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"inputs": [[0.5], [1.5]]},
                {"inputs": ["In the beginning"], "sampling": {"beams": 4}},
                {"inputs": ["Enter Hamlet"], "sampling": {"temperature": 0.8, "max_tokens": 100, "seed": 1}},
            ]
        }
    )

    inputs: Annotated[tuple[Any, ...], Field(min_length=1, max_length=1024)]
    format: Format = Format.FP32
    """`fp32`, or one of the spec's `evaluation.formats`."""
    sampling: Sampling | None = None
    """Of models that write text."""


class Predictions(Answer):
    """One output for each input: a number, `{"label", "probabilities"}`, or a text: what follows, a translation,
    an answer, a transcript."""

    outputs: tuple[Any, ...]
