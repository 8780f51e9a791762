"""Regression: a number from numbers.  K lanes, B batch, N examples, I features."""

from typing import Any

import torch
from torch import Tensor

from unitscale.errors import WrongInput
from worker.trainer.assembly.prepared_data import PreparedData, standard
from worker.trainer.data.examples import Examples, Splits

LARGEST = torch.finfo(torch.float32).max


class Regression:
    """Least squares on targets of unit variance; its metrics and answers are in the units of the data."""

    def prepare(self, splits: Splits, facts: dict[str, Any]) -> PreparedData:
        (inputs, targets), standardized = splits.training, facts["standardized"]
        config = {
            "inputs": list(inputs.shape[1:]),
            "outputs": targets.shape[1],
            "input_mean": _numbers(inputs.double().mean(0), 0.0, standardized),
            "input_deviation": _numbers(inputs.double().std(0, correction=0), 1.0, standardized),
            "target_mean": _numbers(targets.double().mean(0), 0.0, standardized),
            "target_deviation": _numbers(targets.double().std(0, correction=0), 1.0, standardized),
            **{name: facts[name] for name in ("columns", "target") if name in facts},
        }
        ready = (
            Examples(standard(split.inputs, config, "input"), standard(split.targets, config, "target"))
            for split in splits
        )
        return PreparedData(Splits(*ready), config)

    def losses(self, outputs: Tensor, targets: Tensor, width: int) -> Tensor:
        """Mean squared error of each lane.  (K, B, O), (K, B, O) → (K,), of which the first `width` outputs are real.

        Padded outputs and padded targets are both zero and add nothing.
        """
        means = (outputs - targets).square().mean((1, 2))
        return means if outputs.shape[2] == width else means * (outputs.shape[2] / width)

    def reduce_outputs(self, outputs: Tensor, _targets: Tensor, _width: int) -> Tensor:
        return outputs

    def evaluation_losses(self, kept: Tensor, targets: Tensor, width: int) -> Tensor:
        return self.losses(kept, targets, width)

    def metrics(self, outputs: Tensor, targets: Tensor, config: dict[str, Any]) -> dict[str, float]:
        errors, truth = _scaled(outputs.double() - targets, config), _scaled(targets.double(), config)
        unexplained, variation = errors.square().sum(), (truth - truth.mean(0)).square().sum()
        return {"r2": 1 - (unexplained / variation).item(), "mae": errors.abs().mean().item()}

    def artifacts(self, _outputs: Tensor, _targets: Tensor, _config: dict[str, Any]) -> dict[str, Any]:
        return {}

    def parse_inputs(self, inputs: tuple[Any, ...], config: dict[str, Any]) -> Tensor:
        """Rows (N, I), standardized; a bare number is a row of one feature.

        Raises WrongInput, naming every input that is no such row.
        """
        features = config["inputs"][0]
        rows = [[given] if _is_number(given) else given for given in inputs]
        wrong = f"must be a list of {features} numbers" + (", or a number" if features == 1 else "")
        fields = tuple((f"/inputs/{place}", wrong) for place, row in enumerate(rows) if not _is_row(row, features))
        if fields:
            raise WrongInput(f"Input {fields[0][0].rsplit('/', 1)[1]} {wrong}.", fields)
        return standard(torch.tensor(rows, dtype=torch.float32), config, "input")

    def format_outputs(self, outputs: Tensor, config: dict[str, Any]) -> list[float]:
        return _restored(outputs, config)[:, 0].tolist()


def _numbers(measured: Tensor, otherwise: float, standardized: bool) -> list[float]:
    """What was measured, or what changes nothing; a feature that never varies keeps its scale."""
    if not standardized:
        return [otherwise] * len(measured)
    return [number or otherwise for number in measured.tolist()]


def _restored(outputs: Tensor, config: dict[str, Any]) -> Tensor:
    return _scaled(outputs, config) + outputs.new_tensor(config["target_mean"])


def _scaled(numbers: Tensor, config: dict[str, Any]) -> Tensor:
    """In the units of the data, up to where they begin."""
    return numbers * numbers.new_tensor(config["target_deviation"])


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and abs(given) <= LARGEST


def _is_row(row: Any, features: int) -> bool:
    return isinstance(row, list | tuple) and len(row) == features and all(map(_is_number, row))
