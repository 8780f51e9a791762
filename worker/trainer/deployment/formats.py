"""Formats: what the file of each holds, and the layers that it is read into."""

from collections import Counter
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from unitscale.models.formats import Format
from worker.trainer.deployment.layers import (
    Bf16Linear,
    DynamicLinear,
    InBf16,
    RowwiseLinear,
    WeightOnlyLinear,
    quantized,
)

IN_BF16 = _ConvNd
"""What else than linear layers computes in bf16 where the format is bf16. The rest keeps bf16's numbers in fp32."""

Tensors = Mapping[str, Tensor]


def stored(layers: nn.Module, weights: Tensors, form: Format) -> dict[str, Tensor]:
    """What the file of a format holds: the weights of `layers`, of int8 ones with `….scale`."""
    if form is Format.FP32:
        return dict(weights)
    if form is Format.BF16:
        return {name: _in_bf16(weight) for name, weight in weights.items()}
    tensors = dict(weights)
    for name in linear_layers(layers):
        tensors[f"{name}.weight"], tensors[f"{name}.scale"] = quantized(weights[f"{name}.weight"])
    return tensors


def assigned(layers: nn.Module, tensors: Tensors) -> None:
    """Fill layers that have no numbers yet."""
    layers.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)


def served(
    layers: nn.Module, tensors: Tensors, form: Format, fill: Callable[[nn.Module, Tensors], None] = assigned
) -> nn.Module:
    """The layers, with the numbers of a format's file in them and computing as the format does."""
    names = linear_layers(layers) if form is not Format.FP32 else []
    _replace(layers, {name: LINEAR[form](tensors, name) for name in names})
    inside = tuple(f"{name}." for name in names)
    fill(layers, {name: tensor for name, tensor in tensors.items() if not name.startswith(inside)})
    if form is Format.BF16:
        _replace(layers, {name: InBf16(layer.to(torch.bfloat16)) for name, layer in _apart(layers, IN_BF16)})
    return layers.requires_grad_(False).eval()


def linear_layers(layers: nn.Module) -> list[str]:
    """Names of the plain linear layers; what is derived from one may be used in other ways than by calling it."""
    return [name for name, layer in _apart(layers, nn.Linear) if type(layer) is nn.Linear]


def _apart(layers: nn.Module, kind: type[nn.Module]) -> list[tuple[str, nn.Module]]:
    """The layers of a kind, by name, whose weights are no other layer's as well, as those of an embedding may be."""
    users = Counter(id(each) for layer in layers.modules() for each in layer.parameters(recurse=False))
    return [
        (name, layer)
        for name, layer in layers.named_modules()
        if name and isinstance(layer, kind) and users[id(layer.weight)] == 1
    ]


def _replace(layers: nn.Module, new: Mapping[str, nn.Module]) -> None:
    """Put layers in the place of others, in all places where these stand."""
    by_old = {id(layers.get_submodule(name)): layer for name, layer in new.items()}
    for path, layer in list(layers.named_modules(remove_duplicate=False)):
        if id(layer) in by_old:
            layers.set_submodule(path, by_old[id(layer)])
    for layer in layers.modules() if new else ():
        if isinstance(layer, nn.TransformerEncoderLayer):  # which else reads the weights of its layers, and calls none
            layer.register_forward_pre_hook(lambda *_: None)


def _in_bf16(weight: Tensor) -> Tensor:
    """What counts something stays a whole number."""
    return weight.to(torch.bfloat16) if weight.is_floating_point() else weight


def _bf16(tensors: Tensors, name: str) -> nn.Module:
    return Bf16Linear(tensors[f"{name}.weight"], tensors.get(f"{name}.bias"))


def _int8(tensors: Tensors, name: str) -> nn.Module:
    weight, scale, bias = _parts(tensors, name)
    return (RowwiseLinear if weight.is_cuda else DynamicLinear)(weight, scale, bias)


def _weight_only(tensors: Tensors, name: str) -> nn.Module:
    return WeightOnlyLinear(*_parts(tensors, name))


def _parts(tensors: Tensors, name: str) -> tuple[Tensor, Tensor, Tensor | None]:
    return tensors[f"{name}.weight"], tensors[f"{name}.scale"], tensors.get(f"{name}.bias")


LINEAR: dict[Format, Callable[[Tensors, str], nn.Module]] = {
    Format.BF16: _bf16,
    Format.INT8: _int8,
    Format.INT8_WEIGHT_ONLY: _weight_only,
}
