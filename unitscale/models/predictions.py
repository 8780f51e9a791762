"""Asking a trained model."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from unitscale.models.document import Answer, Document


class PredictionRequest(Document):
    """Inputs for a trained model: rows of numbers, images (nested lists or base64 PNG)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"inputs": [[0.5], [1.5]]}]})

    inputs: Annotated[tuple[Any, ...], Field(min_length=1, max_length=1024)]
    format: Literal["fp32"] = "fp32"


class Predictions(Answer):
    """One output for each input: a number, or `{"label", "probabilities"}`."""

    outputs: tuple[Any, ...]
