"""What can be asked for: tasks, data sets and models, with the defaults a spec falls back on."""

from typing import Any, Literal

from unitscale.models.document import Answer
from unitscale.models.specs import TaskName


class CatalogDataset(Answer):
    """A data set that every installation has."""

    name: str
    task: TaskName
    content: str
    licence: str
    training_examples: int
    available: bool = True


class CatalogModel(Answer):
    """A kind of model, and its sizes with their defaults."""

    kind: str
    tasks: tuple[TaskName, ...]
    sizes: dict[str, int]
    content: str
    laned: bool
    """Whether several configurations can train in one process by batched products."""


class CatalogTask(Answer):
    """A task, and what a spec that names nothing else gets."""

    name: TaskName
    datasets: tuple[str, ...]
    models: tuple[str, ...]
    metrics: tuple[str, ...]
    defaults: dict[str, Any]


class Catalog(Answer):
    """Everything that can be asked for here."""

    tasks: tuple[CatalogTask, ...]
    datasets: tuple[CatalogDataset, ...]
    models: tuple[CatalogModel, ...]
    optimizers: tuple[str, ...] = ("sgd", "adamw")
    schedules: tuple[str, ...] = ("constant", "linear", "cosine", "wsd")
    precisions: tuple[str, ...] = ("fp32",)
    parametrizations: tuple[str, ...] = ("sp",)
    devices: tuple[Literal["cpu", "cuda"], ...] = ("cpu", "cuda")


_REGRESSION, _IMAGES = TaskName.REGRESSION, TaskName.IMAGE_CLASSIFICATION

CATALOG = Catalog(
    tasks=(
        CatalogTask(
            name=_REGRESSION,
            datasets=("linear", "diabetes"),
            models=("linear", "mlp"),
            metrics=("r2", "mae"),
            defaults={"dataset": "linear", "model": "linear", "epochs": 200},
        ),
        CatalogTask(
            name=_IMAGES,
            datasets=("digits",),
            models=("convnet", "mlp", "linear"),
            metrics=("accuracy",),
            defaults={"dataset": "digits", "model": "convnet", "epochs": 15},
        ),
    ),
    datasets=(
        CatalogDataset(
            name="linear",
            task=_REGRESSION,
            content="y = 2x + 1 + noise: x is normal, so is the noise, with a deviation of 0.1",
            licence="none needed",
            training_examples=100,
        ),
        CatalogDataset(
            name="diabetes",
            task=_REGRESSION,
            content="disease progression of 442 patients from 10 measurements (scikit-learn)",
            licence="BSD-3-Clause",
            training_examples=310,
        ),
        CatalogDataset(
            name="digits",
            task=_IMAGES,
            content="1,797 handwritten digits, 8 × 8 grey pixels (scikit-learn)",
            licence="BSD-3-Clause",
            training_examples=1257,
        ),
    ),
    models=(
        CatalogModel(
            kind="linear", tasks=(_REGRESSION, _IMAGES), sizes={}, laned=True, content="y = xWᵀ + b; starts at zero"
        ),
        CatalogModel(
            kind="mlp",
            tasks=(_REGRESSION, _IMAGES),
            sizes={"width": 64, "depth": 2},
            laned=True,
            content="`depth` hidden layers of `width` features, ReLU",
        ),
        CatalogModel(
            kind="convnet",
            tasks=(_IMAGES,),
            sizes={"channels": 16, "depth": 2},
            laned=False,
            content="`depth` 3 × 3 convolutions, ReLU, max-pooling; channels double; then one linear layer",
        ),
    ),
)

DATASETS: dict[str, CatalogDataset] = {dataset.name: dataset for dataset in CATALOG.datasets}
MODELS: dict[str, CatalogModel] = {model.kind: model for model in CATALOG.models}
TASKS: dict[TaskName, CatalogTask] = {task.name: task for task in CATALOG.tasks}

LEARNING_RATES: dict[tuple[str, str], float] = {
    ("sgd", "linear"): 0.05,
    ("sgd", "mlp"): 0.05,
    ("sgd", "convnet"): 0.2,
    ("adamw", "linear"): 0.01,
    ("adamw", "mlp"): 1e-3,
    ("adamw", "convnet"): 3e-3,
}
"""What `learning_rate: "auto"` becomes under SP, by (optimizer, model); chosen on the catalog's data sets."""
