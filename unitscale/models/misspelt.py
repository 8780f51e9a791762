"""Fields of a job's spec that there are not, and the ones that were probably meant."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

from unitscale.models.specs import JobSpec

ALIKE = 0.7
"""How much of a name must be right for another one to be suggested."""
ALIASES = {
    "lr": "units.learning_rate",
    "eta": "units.learning_rate",
    "bs": "units.batch_size",
    "batch": "units.batch_size",
    "dtype": "units.precision",
    "num_epochs": "budget.epochs",
    "max_epochs": "budget.epochs",
    "max_steps": "budget.steps",
    "num_steps": "budget.steps",
    "iterations": "budget.steps",
    "max_tokens": "budget.tokens",
    "hidden_size": "model.width",
    "d_model": "model.width",
    "layers": "model.depth",
    "num_layers": "model.depth",
    "n_layer": "model.depth",
    "block_size": "model.context",
    "seq_len": "model.context",
    "warmup": "schedule.warmup_steps",
    "lr_schedule": "schedule.name",
    "scheduler": "schedule.name",
    "wd": "optimizer.weight_decay",
    "grad_clip": "optimizer.clip_norm",
    "max_grad_norm": "optimizer.clip_norm",
    "gpus": "resources.devices",
    "random_seed": "seed",
}
"""What others call a field."""


def no_field(path: str) -> str:
    """That a spec has no field of this path, and which one was probably meant."""
    field = meant(path)
    return f"There is no field `{path}`" + (f". Did you mean `{field}`?" if field else ".")


def meant(path: str) -> str | None:
    """The field with a name like this one's; None where there is this one, or none like it."""
    models: list[type[BaseModel]] = [JobSpec]
    right: list[str] = []
    for part in path.split("."):
        below = [annotation for name, annotation in _fields(models) if name == part]
        if not below:
            return _nearest(models, right, part)
        models, right = [model for annotation in below for model in _models(annotation)], [*right, part]
    return None


def _nearest(models: list[type[BaseModel]], right: list[str], part: str) -> str | None:
    """Of the fields beside it; else what is called so elsewhere, or by others; else, where it stands alone, of all."""
    beside = {name: ".".join([*right, name]) for name, _ in _fields(models)}
    anywhere = ALIASES | {path.rpartition(".")[2]: path for path in _paths([JobSpec])}
    for known, alike in ((beside, ALIKE), (anywhere, ALIKE if not right else 1)):
        if near := get_close_matches(part, known, n=1, cutoff=alike):
            return known[near[0]]
    return None


def _paths(models: Iterable[type[BaseModel]], before: str = "") -> Iterator[str]:
    for name, annotation in _fields(models):
        yield before + name
        yield from _paths(_models(annotation), f"{before}{name}.")


def _fields(models: Iterable[type[BaseModel]]) -> Iterator[tuple[str, Any]]:
    return ((name, field.annotation) for model in models for name, field in model.model_fields.items())


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that a type, or a union of some, is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]
