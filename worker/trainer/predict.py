"""Predictions from the files that a trained model left, and from nothing else."""

import json
import traceback
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from unitscale.errors import ServiceError, WrongInput
from unitscale.models import specs
from unitscale.models.catalog import TRANSFORMERS
from unitscale.models.predictions import Sampling
from unitscale.models.units import Alphas, Units
from worker.pipe import Answered, Ask
from worker.trainer import results
from worker.trainer.answers import Responder
from worker.trainer.blueprint import built, shapes_of, table_of
from worker.trainer.catalog import MODELS, TASKS, Laned, check_known
from worker.trainer.engine import modules
from worker.trainer.generation import Reader, Writer
from worker.trainer.layers.encoder_decoder import EncoderDecoder
from worker.trainer.plugins import OwnModel
from worker.trainer.sequences import TOKENIZER, VOCABULARY
from worker.trainer.units.plan import Plan

KEPT = 8  # models of the latest asks


class Trained(NamedTuple):
    """A model as it was left: its plain layers, or what continues texts with it."""

    model: nn.Module | Writer | Reader | Responder
    config: dict[str, Any]


def answer(ask: Ask) -> Answered:
    """Outputs, or what is wrong with the inputs."""
    try:
        return Answered(ask=ask.ask, outputs=tuple(_outputs(ask)))
    except ServiceError as error:
        return Answered(ask=ask.ask, problem=error.message, fields=error.fields)
    except Exception as error:  # whoever asked must hear something; the log hears the rest
        traceback.print_exception(error)
        return Answered(ask=ask.ask, problem="The model could not answer; the worker's log says why.")


@torch.no_grad()
def _outputs(ask: Ask) -> list[Any]:
    model, config = _load(ask.folder)
    task = TASKS[config["task"]]
    if isinstance(model, Writer | Responder):
        return task.answers(model.continued(task.read(ask.inputs, config), ask.sampling or Sampling()), config)
    if ask.sampling is not None:
        raise WrongInput("This model does not write text.", (("/sampling", "belongs to models that write text"),))
    read = task.read(ask.inputs, config)
    if not isinstance(read, Tensor) and isinstance(MODELS[config["model"]["kind"]], OwnModel):
        raise WrongInput("A plug-in's model of texts cannot be asked; its curves and metrics say what it learnt.")
    return task.answers(model(read), config)


@lru_cache(KEPT)
def _load(folder: str) -> Trained:
    config = json.loads((Path(folder) / results.CONFIG).read_text())
    model, weights = specs.Model.model_validate(config["model"]), load_file(Path(folder) / results.WEIGHTS)
    check_known(config["task"], str(model.kind))
    layers = built(model, config)
    if (tokenizer := Path(folder) / TOKENIZER).exists():
        config[VOCABULARY] = tokenizer.read_text()
    if model.kind in TRANSFORMERS:
        function = _function(model, layers, weights, config)
        read = Writer if model.kind == "transformer" else Reader
        return Trained(read(function, weights, config["outputs"]), config)
    if isinstance(MODELS[str(model.kind)], OwnModel):
        modules.load(layers, weights)
        return Trained(layers.eval(), config)
    layers.load_state_dict(weights, assign=True)
    if isinstance(layers, EncoderDecoder):
        return Trained(Responder(layers), config)
    flat = isinstance(MODELS[str(model.kind)], Laned)
    return Trained(nn.Sequential(nn.Flatten(), layers) if flat else layers, config)


def _function(model: specs.Model, layers: nn.Module, weights: dict[str, Tensor], config: dict[str, Any]) -> Any:
    units, kind = Units.model_validate(config["units"]), MODELS[str(model.kind)]
    plan = Plan(
        model,
        kind.kinds(model, shapes_of(layers)),
        table_of(units, model),
        (units.alphas or Alphas(),),
        weights["readout.weight"],
    )
    return kind.lanes(plan)
