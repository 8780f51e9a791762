"""What this trainer can train: tasks, data sets and models, and what each of them must be able to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from unitscale.errors import BadDataset, Impossible
from unitscale.models import specs
from unitscale.models.datasets import Volume
from unitscale.models.specs import TaskName
from worker.trainer.assembly.material import Material
from worker.trainer.data import (
    diabetes,
    digits,
    grammar,
    kjv,
    linear,
    pairs,
    passages,
    prompts,
    shakespeare,
    trivia,
    ui_en_zh,
)
from worker.trainer.data.examples import Examples, Splits, cut
from worker.trainer.data.packages import absent
from worker.trainer.data.pairs import Asked
from worker.trainer.data.text import cut_text, pieced
from worker.trainer.engine.weights import Shapes
from worker.trainer.models.convnet import Convnet
from worker.trainer.models.encoder import Encoder
from worker.trainer.models.encoder_decoder import EncoderDecoder
from worker.trainer.models.linear import Linear
from worker.trainer.models.mlp import Mlp
from worker.trainer.models.speech_encoder import SpeechEncoder
from worker.trainer.models.transformer import Transformer
from worker.trainer.tasks.answer_spans import AnswerSpans
from worker.trainer.tasks.image_classification import ImageClassification
from worker.trainer.tasks.masked_language_modeling import MaskedLanguageModeling
from worker.trainer.tasks.question_answering import QuestionAnswering
from worker.trainer.tasks.regression import Regression
from worker.trainer.tasks.speech_recognition import SpeechRecognition
from worker.trainer.tasks.text_generation import TextGeneration
from worker.trainer.tasks.translation import Translation
from worker.trainer.units.plan import Plan
from worker.trainer.units.tables import Kinds, Table, Weight


class Task(Protocol):
    """What there is to learn.  K lanes, B batch, N examples, O outputs."""

    def prepare(self, splits: Splits, facts: dict[str, Any]) -> Material: ...
    def losses(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor: ...
    def kept(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor: ...
    def exam_losses(self, kept: Tensor, targets: Tensor, width: int) -> Tensor: ...
    def metrics(self, outputs: Tensor, targets: Tensor, config: dict[str, Any]) -> dict[str, float]: ...
    def documents(self, outputs: Tensor, targets: Tensor, config: dict[str, Any]) -> dict[str, Any]: ...
    def read(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> Any: ...
    def answers(self, outputs: Any, config: dict[str, Any]) -> list[Any]: ...


class Model(Protocol):
    """What fits the data: its plain layers, which name the weights, and what each weight is there for."""

    def layers(self, model: specs.Model, inputs: tuple[int, ...], outputs: int) -> nn.Module: ...
    def kinds(self, model: specs.Model, shapes: Shapes) -> dict[str, Weight]: ...
    def start(self, kinds: Kinds, table: Table, generator: torch.Generator) -> dict[str, Tensor]: ...


class Function(Protocol):
    """What K lanes compute from weights with a lane axis: one of `parts` equal parts of a batch."""

    def outputs(self, weights: Mapping[str, Tensor], inputs: Tensor, parts: float = 1) -> Tensor: ...
    def folds(self) -> dict[str, float]: ...


@runtime_checkable
class Uneven(Protocol):
    """A task whose loss is a mean over terms of which examples have more or fewer."""

    def terms(self, targets: Tensor) -> Tensor: ...


@runtime_checkable
class Writing(Protocol):
    """A task whose model writes texts, which are graded once, at the end."""

    def read(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> Tensor: ...
    def answers(self, outputs: Any, config: dict[str, Any]) -> list[Any]: ...
    def graded(self, written: list[str], asked: Asked) -> dict[str, float]: ...


@runtime_checkable
class Pointing(Protocol):
    """A task whose model points at texts, which are graded in every exam."""

    def marks(self, outputs: Tensor, asked: passages.Asked) -> dict[str, float]: ...


@runtime_checkable
class Laned(Protocol):
    """A model that computes K lanes at once, and what its feature sizes are padded to a multiple of."""

    def side(self, kinds: Kinds) -> int: ...
    def lanes(self, plan: Plan) -> Function: ...


@runtime_checkable
class Corrupting(Protocol):
    """A task whose training examples are spoilt, each step anew."""

    def corrupted(self, examples: Examples, generator: torch.Generator, config: dict[str, Any]) -> Examples: ...


@dataclass(frozen=True)
class Dataset:
    """How a data set is made, its examples in their final random order, and how many of the last are for exams."""

    make: Callable[[], dict[str, Tensor]]
    validation: int
    test: int
    standardized: bool = True
    fetch: Callable[[], dict[str, Tensor]] | None = None
    """How `make data` brings it, where it has to be brought."""
    volume: Volume | None = None
    """Of a plug-in's: how much its entry says there is to train on."""
    kept_as: str | None = None
    """Of a plug-in's: its name in the cache, where each version of a package has files of its own."""

    def check(self, tensors: dict[str, Tensor]) -> None:
        """Raises BadDataset where there is not as much to train on as was said."""
        if self.volume is None:
            return
        whole = tensors["tokens"] if self.volume.training_tokens is not None else tensors["inputs"]
        said = self.volume.training_tokens or self.volume.training_examples
        if (there := len(whole) - self.validation - self.test) != said:
            raise BadDataset(f"Its entry says that there is {said} to train on, and there is {there}.")

    def ready(self, tensors: dict[str, Tensor], _spec: specs.JobSpec) -> dict[str, Tensor]:
        """The data set as a job needs it."""
        return tensors

    def splits(self, tensors: dict[str, Tensor], fraction: float, _model: specs.Model) -> Splits:
        return cut(tensors["inputs"], tensors["targets"], self.validation, self.test, fraction)

    def facts(self, _tensors: dict[str, Tensor]) -> dict[str, Any]:
        return {"standardized": self.standardized}


@dataclass(frozen=True)
class Corpus(Dataset):
    """A text, the last parts of which are for exams."""

    def ready(self, tensors: dict[str, Tensor], spec: specs.JobSpec) -> dict[str, Tensor]:
        exams = self.validation, self.test
        pieces = spec.data.tokenizer == "bpe" and "alphabet" in tensors
        return pieced(tensors, int(spec.data.vocabulary or 0), exams) if pieces else tensors

    def splits(self, tensors: dict[str, Tensor], fraction: float, model: specs.Model) -> Splits:
        exams = tensors["exams"].tolist() if "exams" in tensors else (self.validation, self.test)
        return cut_text(tensors["tokens"], *exams, fraction, int(model.context or 0))

    def facts(self, tensors: dict[str, Tensor]) -> dict[str, Any]:
        if "tokenizer" in tensors:
            return {"tokenizer": bytes(tensors["tokenizer"].tolist()).decode()}
        return {"alphabet": "".join(map(chr, tensors["alphabet"].tolist()))}


@dataclass(frozen=True)
class Recordings(Dataset):
    """Recordings, and what was said in them."""

    def facts(self, tensors: dict[str, Tensor]) -> dict[str, Any]:
        return {"alphabet": "".join(map(chr, tensors["alphabet"].tolist())), "rate": int(tensors["rate"])}


@dataclass(frozen=True)
class Pairs(Dataset):
    """Rows of texts: a source, and what belongs to it."""

    def ready(self, tensors: dict[str, Tensor], spec: specs.JobSpec) -> dict[str, Tensor]:
        return pairs.tokenized(tensors, spec, len(tensors["ends"]) - self.validation - self.test)

    def facts(self, tensors: dict[str, Tensor]) -> dict[str, Any]:
        last = len(tensors["ends"])
        ends = last - self.test - self.validation, last - self.test, last
        asked = tuple(self.asked(tensors, *stretch) for stretch in pairwise(ends))
        return {"vocabulary": pairs.words_of(tensors), "asked": asked}

    def asked(self, tensors: dict[str, Tensor], first: int, end: int) -> Any:
        """What is asked in the exam of such rows."""
        return pairs.asked(tensors, first, end)


@dataclass(frozen=True)
class Passages(Pairs):
    """Rows of a question, its answers, and the context in which they stand."""

    def ready(self, tensors: dict[str, Tensor], spec: specs.JobSpec) -> dict[str, Tensor]:
        return passages.tokenized(tensors, spec, len(tensors["ends"]) - self.validation - self.test)

    def asked(self, tensors: dict[str, Tensor], first: int, end: int) -> Any:
        return passages.asked(tensors, first, end)


@dataclass(frozen=True)
class ByHeart(Pairs):
    """Pairs none of which follows from others: what is examined is what was learnt."""

    def splits(self, tensors: dict[str, Tensor], fraction: float, model: specs.Model) -> Splits:
        learnt, *_ = super().splits(tensors, fraction, model)
        return Splits(learnt, learnt, learnt)

    def facts(self, tensors: dict[str, Tensor]) -> dict[str, Any]:
        asked = pairs.asked(tensors, 0, len(tensors["ends"]))
        return {"vocabulary": pairs.words_of(tensors), "asked": (asked, asked)}


TASKS: dict[str, Task] = {
    TaskName.REGRESSION: Regression(),
    TaskName.IMAGE_CLASSIFICATION: ImageClassification(),
    TaskName.TEXT_GENERATION: TextGeneration(),
    TaskName.MASKED_LANGUAGE_MODELING: MaskedLanguageModeling(),
    TaskName.SPEECH_RECOGNITION: SpeechRecognition(),
    TaskName.TRANSLATION: Translation(),
    TaskName.QUESTION_ANSWERING: QuestionAnswering(),
}

IN_CONTEXT: dict[tuple[str, str], Task] = {(TaskName.QUESTION_ANSWERING, "encoder"): AnswerSpans()}
"""Tasks that another kind of model learns in another way."""

MODELS: dict[str, Model] = {
    "linear": Linear(),
    "mlp": Mlp(),
    "convnet": Convnet(),
    "transformer": Transformer(),
    "encoder": Encoder(),
    "speech-encoder": SpeechEncoder(),
    "encoder-decoder": EncoderDecoder(),
}

DATASETS: dict[str, Dataset] = {
    "linear": Dataset(linear.make, validation=25, test=25, standardized=False),
    "diabetes": Dataset(diabetes.make, validation=66, test=66),
    "digits": Dataset(digits.make, validation=270, test=270),
    "grammar": Corpus(grammar.make, validation=20_000, test=20_000),
    "shakespeare": Corpus(absent("shakespeare"), validation=100_000, test=100_000, fetch=shakespeare.fetch),
    "prompts": Recordings(absent("prompts"), validation=60, test=60, fetch=prompts.fetch),
    "kjv": Corpus(absent("kjv"), validation=100_000, test=100_000, fetch=kjv.fetch),
    "kjv-reina-valera": Pairs(absent("kjv-reina-valera"), validation=500, test=500, fetch=kjv.fetch_pairs),
    "ui-en-zh": Pairs(absent("ui-en-zh"), validation=500, test=500, fetch=ui_en_zh.fetch),
    "trivia": ByHeart(absent("trivia"), validation=0, test=0, fetch=trivia.fetch),
}


def task_of(name: str, kind: str) -> Task:
    """What a kind of model makes of a task."""
    return IN_CONTEXT.get((name, kind), TASKS[name])


def check_known(task: str, kind: str) -> None:
    """Raises Impossible where this worker has not the plug-in that brings a task or a model."""
    unknown = [name for name, table in ((task, TASKS), (kind, MODELS)) if name not in table]
    if unknown:
        raise Impossible(f"This worker knows no '{unknown[0]}'; install the package that brings it.")
