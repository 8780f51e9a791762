"""Predictions from the files that a trained model left, and from nothing else."""

import json
import traceback
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import nn

from unitscale.errors import ServiceError
from unitscale.models import specs
from unitscale.models.specs import TaskName
from worker.pipe import Answered, Ask
from worker.trainer import results
from worker.trainer.catalog import MODELS, TASKS

KEPT = 8  # models of the latest asks


class Trained(NamedTuple):
    """A model as it was left."""

    layers: nn.Sequential
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
    model = _load(ask.folder)
    task = TASKS[TaskName(model.config["task"])]
    return task.answers(model.layers(task.read(ask.inputs, model.config)), model.config)


@lru_cache(KEPT)
def _load(folder: str) -> Trained:
    config = json.loads((Path(folder) / results.CONFIG).read_text())
    model = specs.Model.model_validate(config["model"])
    with torch.device("meta"):
        layers = MODELS[str(model.kind)].layers(model, tuple(config["inputs"]), config["outputs"])
    layers.load_state_dict(load_file(Path(folder) / results.WEIGHTS), assign=True)
    return Trained(layers if model.kind == "convnet" else nn.Sequential(nn.Flatten(), *layers), config)
