"""What this trainer can train: tasks, data sets and models, and what each of them must be able to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from unitscale.models import specs
from unitscale.models.specs import TaskName
from worker.trainer.data import diabetes, digits, linear
from worker.trainer.data.examples import Splits
from worker.trainer.engine.weights import Shapes
from worker.trainer.material import Material
from worker.trainer.models.convnet import Convnet
from worker.trainer.models.linear import Linear
from worker.trainer.models.mlp import Mlp
from worker.trainer.tasks.image_classification import ImageClassification
from worker.trainer.tasks.regression import Regression


class Task(Protocol):
    """What there is to learn.  K lanes, B batch, N examples, O outputs."""

    def prepare(self, splits: Splits, *, standardized: bool) -> Material: ...
    def losses(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor: ...
    def metrics(self, outputs: Tensor, targets: Tensor, config: dict[str, Any]) -> dict[str, float]: ...
    def documents(self, outputs: Tensor, targets: Tensor, config: dict[str, Any]) -> dict[str, Any]: ...
    def read(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> Tensor: ...
    def answers(self, outputs: Tensor, config: dict[str, Any]) -> list[Any]: ...


class Model(Protocol):
    """What fits the data: its plain layers, which predict and name the weights, and its first weights."""

    def layers(self, model: specs.Model, inputs: tuple[int, ...], outputs: int) -> nn.Sequential: ...
    def start(self, shapes: Shapes, generator: torch.Generator) -> dict[str, Tensor]: ...


@runtime_checkable
class Laned(Protocol):
    """A model that also computes K lanes at once, from weights with a lane axis and flat inputs (K, B, I)."""

    def outputs(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Dataset:
    """How a data set is made, its examples in their final random order, and how many of the last are for exams."""

    make: Callable[[], dict[str, Tensor]]
    validation: int
    test: int
    standardized: bool = True


TASKS: dict[TaskName, Task] = {
    TaskName.REGRESSION: Regression(),
    TaskName.IMAGE_CLASSIFICATION: ImageClassification(),
}

MODELS: dict[str, Model] = {"linear": Linear(), "mlp": Mlp(), "convnet": Convnet()}

DATASETS: dict[str, Dataset] = {
    "linear": Dataset(linear.make, validation=25, test=25, standardized=False),
    "diabetes": Dataset(diabetes.make, validation=66, test=66),
    "digits": Dataset(digits.make, validation=270, test=270),
}
