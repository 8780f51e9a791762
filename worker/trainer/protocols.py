"""What a task and a model must be able to do: what this service's own do, and those of plug-ins.

K lanes, B batch, N examples, T tokens, V vocabulary, O outputs. `config` is what `config.json` of a finished job holds.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from unitscale.models import specs
from worker.trainer.assembly.prepared_data import PreparedData
from worker.trainer.data import passages
from worker.trainer.data.examples import Examples, Splits
from worker.trainer.data.pairs import Asked
from worker.trainer.engine.weights import Shapes
from worker.trainer.units.plan import Plan
from worker.trainer.units.tables import Kinds, Table, Weight


class Task(Protocol):
    """What there is to learn."""

    def prepare(self, splits: Splits, facts: dict[str, Any]) -> PreparedData:
        """The splits as a model takes them, and what `config.json` says of them: at least `inputs`, `outputs`.

        `facts` are what the data set says of itself, such as its alphabet or its classes.
        """
        ...

    def losses(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """Mean training loss of each lane.  (K, B, …, O), (K, B, …) → (K,); the first `width` outputs are real, the
        rest is padding."""
        ...

    def reduce_outputs(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """As much of the outputs as evaluation needs, so that those of a whole split fit into memory.

        (K, B, …, O) → (K, B, …)
        """
        ...

    def evaluation_losses(self, kept: Tensor, targets: Tensor, width: int) -> Tensor:
        """Mean loss of each lane on a whole split, from its reduced outputs.  (K, N, …) → (K,)"""
        ...

    def metrics(self, outputs: Tensor, targets: Tensor, config: dict[str, Any]) -> dict[str, float]:
        """Measures of one lane on a split, from its reduced outputs (N, …)."""
        ...

    def artifacts(self, outputs: Tensor, targets: Tensor, config: dict[str, Any]) -> dict[str, Any]:
        """Further files of a finished job, name → what stands in it as JSON: a confusion matrix, transcripts."""
        ...

    def parse_inputs(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> Any:
        """Inputs of a prediction as the model takes them, (N, …). Raises WrongInput, naming those that are wrong."""
        ...

    def format_outputs(self, outputs: Any, config: dict[str, Any]) -> list[Any]:
        """What a prediction answers, one JSON value for each input."""
        ...


class Model(Protocol):
    """What fits the data: its plain layers, which name the weights, and what each weight is there for."""

    def layers(self, model: specs.Model, inputs: tuple[int, ...], outputs: int) -> nn.Module:
        """Plain layers of these sizes, for inputs of this shape: the names and shapes of all weights."""
        ...

    def kinds(self, model: specs.Model, shapes: Shapes) -> dict[str, Weight]:
        """What each weight is there for: by this its multiplier, deviation and learning rate are looked up."""
        ...

    def start(self, kinds: Kinds, table: Table, generator: torch.Generator) -> dict[str, Tensor]:
        """The weights that one lane starts with, drawn from the job's seed."""
        ...


class Function(Protocol):
    """What K lanes compute from weights with a lane axis."""

    def outputs(self, weights: Mapping[str, Tensor], inputs: Tensor, parts: float = 1) -> Tensor:
        """(K, B, …) → (K, B, …, O); the inputs are one of `parts` equal parts of a batch."""
        ...

    def folds(self) -> dict[str, float]:
        """The constant by which each weight is multiplied so that plain layers compute the same, by its name."""
        ...


@runtime_checkable
class VariableLength(Protocol):
    """A task whose loss is a mean over terms of which examples have more or fewer."""

    def terms(self, targets: Tensor) -> Tensor:
        """How many terms a batch has, by lane.  (K, B, …) → (K,)"""
        ...


@runtime_checkable
class GeneratesText(Protocol):
    """A task whose model writes texts, which are judged once, at the end."""

    def parse_inputs(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> Tensor:
        """Texts as tokens.  → (N, S)"""
        ...

    def format_outputs(self, outputs: Any, config: dict[str, Any]) -> list[Any]:
        """The texts that the model's tokens stand for."""
        ...

    def text_metrics(self, written: list[str], asked: Asked) -> dict[str, float]:
        """Measures of written texts against what was to be written."""
        ...

    def text_documents(self, written: list[str], asked: Asked) -> dict[str, Any]:
        """Further files of a finished job: what was written of the test split, name → what stands in it as JSON."""
        ...


@runtime_checkable
class ContinuesText(Protocol):
    """A task whose model goes on with texts, of which a finished job leaves samples."""

    def beginnings(self, windows: Tensor, count: int, config: dict[str, Any]) -> list[str]:
        """So many texts of a split (N, T), to be continued."""
        ...

    def parse_inputs(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> list[Tensor]:
        """The tokens of texts."""
        ...

    def format_outputs(self, outputs: list[list[int]], config: dict[str, Any]) -> list[str]:
        """The texts that tokens stand for."""
        ...


@runtime_checkable
class PredictsSpans(Protocol):
    """A task whose model points at a part of a text, which is judged in every evaluation."""

    def span_metrics(self, outputs: Tensor, asked: passages.Asked) -> dict[str, float]:
        """Measures of the texts pointed at, from reduced outputs (N, …)."""
        ...

    def span_documents(self, outputs: Tensor, asked: passages.Asked) -> dict[str, Any]:
        """Further files of a finished job: the texts pointed at in the test split."""
        ...


@runtime_checkable
class Laned(Protocol):
    """A model that computes K lanes at once."""

    def side(self, kinds: Kinds) -> int:
        """What its feature sizes are padded to a multiple of."""
        ...

    def lanes(self, plan: Plan) -> Function:
        """The function of the lanes that the plan is of."""
        ...


@runtime_checkable
class CorruptsInputs(Protocol):
    """A task whose training examples are corrupted, each step anew."""

    def corrupted(self, examples: Examples, generator: torch.Generator, config: dict[str, Any]) -> Examples:
        """The same examples, corrupted by the generator's numbers.  (B, …)"""
        ...
