"""The number formats that a trained model can be served in, and the file of each."""

from enum import StrEnum


class Format(StrEnum):
    """What the weights are kept in, and what products are computed in."""

    FP32 = "fp32"
    BF16 = "bf16"
    """Weights and the operands of products in bf16."""
    INT8 = "int8"
    """Linear layers in int8: weights by output, activations by what comes in. The rest in fp32."""
    INT8_WEIGHT_ONLY = "int8-weight-only"
    """Weights of linear layers in int8 by output, multiplied in bf16. The rest in fp32."""


def weights_file(form: Format) -> str:
    """The artifact that holds a model's weights in a format."""
    return "model.safetensors" if form is Format.FP32 else f"model-{form.value}.safetensors"
