"""A trained model as it is served: from weights to the file of a format, and from such a file to what answers."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from unitscale.models import specs
from unitscale.models.catalog import OF_TEXT, TRANSFORMERS
from unitscale.models.formats import Format
from unitscale.models.specs import TaskName
from unitscale.models.units import Units
from worker.trainer.assembly.blueprint import built, shapes_of, table_of
from worker.trainer.catalog import MODELS
from worker.trainer.data.vocabulary import PAD
from worker.trainer.deployment.decoder import Decoder, side_by_side
from worker.trainer.deployment.formats import served, stored
from worker.trainer.deployment.plain import plain
from worker.trainer.deployment.text_models import OwnTextModel
from worker.trainer.engine import modules
from worker.trainer.plugins import OwnModel
from worker.trainer.protocols import Laned

Tensors = Mapping[str, Tensor]


def file_of(weights: Tensors, config: dict[str, Any], form: Format) -> dict[str, Tensor]:
    """What the file of a format holds: in fp32 the weights as they were trained, else those of plain layers."""
    if form is Format.FP32:
        return dict(weights)
    model = specs.Model.model_validate(config["model"])
    return stored(built(model, config), _plain(model, weights, config), form)


def model_of(tensors: Tensors, config: dict[str, Any], form: Format) -> nn.Module:
    """What answers from the file of a format, on the device where the tensors are."""
    model = specs.Model.model_validate(config["model"])
    if form is Format.FP32:
        tensors = _plain(model, tensors, config)
    layers = built(model, config)
    if isinstance(MODELS[str(model.kind)], OwnModel):
        return _own(layers, tensors, config, form)
    if model.kind in TRANSFORMERS:
        attends_in = torch.float32 if form is Format.FP32 else torch.bfloat16
        padding = PAD if len(config["inputs"]) > 1 else None
        return Decoder(served(layers, side_by_side(tensors, model), form), model, attends_in, padding)
    layers = served(layers, tensors, form)
    return nn.Sequential(nn.Flatten(), layers) if isinstance(MODELS[str(model.kind)], Laned) else layers


def _own(layers: nn.Module, tensors: Tensors, config: dict[str, Any], form: Format) -> nn.Module:
    """A plug-in's module, which was made on the CPU."""
    on = next((tensor.device for tensor in tensors.values()), "cpu")
    layers = served(layers.to(on), tensors, form, modules.load)
    if config["task"] not in OF_TEXT:
        return layers
    return OwnTextModel(layers, config["inputs"][0], config["task"] == TaskName.TEXT_GENERATION)


def _plain(model: specs.Model, weights: Tensors, config: dict[str, Any]) -> dict[str, Tensor]:
    if model.kind not in TRANSFORMERS:
        return dict(weights)
    units = Units.model_validate(config["units"])
    kinds = MODELS[str(model.kind)].kinds(model, shapes_of(built(model, config)))
    return plain(weights, model, units, table_of(units, model), kinds)
