"""The task `counting`, how many events there will be, with its data set `events`.  K lanes, B batch, N examples."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unitscale.errors import WrongInput
from unitscale.models.catalog import CatalogDataset, CatalogTask
from worker.trainer.assembly.prepared_data import PreparedData
from worker.trainer.data.dataset import Dataset
from worker.trainer.data.examples import Splits
from worker.trainer.plugins import OwnDataset, OwnTask

SEED, TRAINING, HELD_OUT = 11, 800, 200


class Counting:
    """Poisson regression: a model puts out the logarithm of a rate, and the loss is that of the count under it."""

    def prepare(self, splits: Splits, _facts: dict[str, Any]) -> PreparedData:
        """What the model sees: features as they are, and the shape of one example for `config.json`."""
        return PreparedData(splits, {"inputs": list(splits.training.inputs.shape[1:]), "outputs": 1})

    def losses(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """Mean of each lane.  (K, B, O), (K, B, 1) → (K,), of which the first `width` outputs are real."""
        rates, counts = outputs[..., :width].float(), targets[..., :width]
        return functional.poisson_nll_loss(rates, counts, reduction="none").mean((1, 2))

    def reduce_outputs(self, outputs: Tensor, _targets: Tensor, _width: int) -> Tensor:
        """What an evaluator keeps of the outputs."""
        return outputs

    def evaluation_losses(self, kept: Tensor, targets: Tensor, width: int) -> Tensor:
        """The loss of a whole split."""
        return self.losses(kept, targets, width)

    def metrics(self, outputs: Tensor, targets: Tensor, _config: dict[str, Any]) -> dict[str, float]:
        """How far expected counts are from real ones, one lane's outputs (N, 1) given."""
        return {"mae": (outputs.double().exp() - targets.double()).abs().mean().item()}

    def artifacts(self, _outputs: Tensor, _targets: Tensor, _config: dict[str, Any]) -> dict[str, Any]:
        """Further files of a finished job: none."""
        return {}

    def parse_inputs(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> Tensor:
        """Inputs of a prediction as the model takes them. Raises WrongInput, naming those that are wrong."""
        features = config["inputs"][0]
        fields = tuple(
            (f"/inputs/{place}", f"must be a list of {features} numbers")
            for place, row in enumerate(inputs)
            if not (isinstance(row, list | tuple) and len(row) == features)
        )
        if fields:
            raise WrongInput(f"{fields[0][0]} {fields[0][1]}.", fields)
        return torch.tensor(inputs, dtype=torch.float32)

    def format_outputs(self, outputs: Tensor, _config: dict[str, Any]) -> list[float]:
        """Expected counts."""
        return outputs[:, 0].exp().tolist()


def make() -> dict[str, Tensor]:
    """Three features (N, 3), and a count (N, 1) whose rate is exp(1 + (x₁ − x₂)/2)."""
    generator = torch.Generator().manual_seed(SEED)
    inputs = torch.randn(TRAINING + 2 * HELD_OUT, 3, generator=generator)
    rates = (1 + 0.5 * inputs[:, :1] - 0.5 * inputs[:, 1:2]).exp()
    return {"inputs": inputs, "targets": torch.poisson(rates, generator=generator)}


EVENTS = OwnDataset(
    entry=CatalogDataset(
        name="events",
        task="counting",
        content="counts whose rate depends on two of three features; made on the spot",
        licence="none needed",
        training_examples=TRAINING,
    ),
    rows=Dataset(make, validation=HELD_OUT, test=HELD_OUT),
)

COUNTING = OwnTask(
    entry=CatalogTask(
        name="counting",
        datasets=("events",),
        models=("highway",),
        metrics=("mae",),
        defaults={"dataset": "events", "model": "highway", "epochs": 20},
    ),
    task=Counting(),
)
