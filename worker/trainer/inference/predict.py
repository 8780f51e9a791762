"""Predictions from the files that a trained model left, and from nothing else."""

import traceback
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import nn

from unitscale.errors import Malformed, ServiceError, WrongInput
from unitscale.models.formats import Format, weights_file
from unitscale.models.predictions import LENGTH, Sampling
from worker.pipe import Answered, Ask
from worker.trainer.catalog import check_known, task_of
from worker.trainer.deployment.serving import model_of
from worker.trainer.deployment.text_models import TextModel
from worker.trainer.inference.beam_search import Responder
from worker.trainer.inference.generation import Finder, Reader, Writer
from worker.trainer.layers.encoder_decoder import EncoderDecoder
from worker.trainer.protocols import PredictsSpans
from worker.trainer.runs import results

KEPT = 8  # models of the latest asks


class Trained(NamedTuple):
    """A model as it was left: its plain layers, or what continues texts with it."""

    model: nn.Module | Writer | Reader | Finder | Responder
    config: dict[str, Any]


def answer(ask: Ask) -> Answered:
    """Outputs, or what is wrong: with the inputs, or with the model and this worker."""
    try:
        return Answered(ask=ask.ask, outputs=tuple(_outputs(ask)))
    except Malformed as error:
        return Answered(ask=ask.ask, problem=error.message, fields=error.fields)
    except ServiceError as error:
        return Answered(ask=ask.ask, failure=error.message)
    except Exception as error:  # whoever asked must hear something; the log hears the rest
        traceback.print_exception(error)
        return Answered(ask=ask.ask, failure="The model could not answer; the worker's log says why.")


@torch.inference_mode()
def _outputs(ask: Ask) -> list[Any]:
    model, config = _load(ask.folder, ask.format)
    task = task_of(config["task"], config["model"]["kind"])
    sampling = ask.sampling or Sampling()
    if isinstance(model, Writer):
        _check_continued(ask.inputs, sampling)
    if isinstance(model, Writer | Responder):
        return task.format_outputs(model.continued(task.parse_inputs(ask.inputs, config), sampling), config)
    if ask.sampling is not None:
        raise WrongInput("This model does not write text.", (("/sampling", "belongs to models that write text"),))
    return task.format_outputs(model(task.parse_inputs(ask.inputs, config)), config)


def _check_continued(texts: Sequence[Any], sampling: Sampling) -> None:
    """Raises WrongInput. A continuation has all the tokens that it may have, also where none were asked for."""
    if sampling.beams > 1:
        raise WrongInput("This model continues texts.", (("/sampling/beams", "belongs to translations and answers"),))
    if excess := sampling.excess(len(texts)):
        raise WrongInput(f"{LENGTH}: {excess}.", ((LENGTH, excess),))


@lru_cache(KEPT)
def _load(folder: str, form: Format = Format.FP32) -> Trained:
    config = results.config_of(Path(folder))
    check_known(config["task"], str(config["model"]["kind"]))
    model = model_of(load_file(Path(folder) / weights_file(form)), config, form)
    if isinstance(model, TextModel):
        points = isinstance(task_of(config["task"], config["model"]["kind"]), PredictsSpans)
        return Trained(Writer(model) if model.causal else Finder(model) if points else Reader(model), config)
    return Trained(Responder(model) if isinstance(model, EncoderDecoder) else model, config)
