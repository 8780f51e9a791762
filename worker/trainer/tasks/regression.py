"""Regression: a number from numbers.  K lanes, B batch, N examples, I features."""

from typing import Any

import numpy as np
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

    @np.errstate(all="ignore")  # of a model gone wild, or targets that are all the same, it is inf or nan
    def metrics(self, outputs: Tensor, targets: Tensor, config: dict[str, Any]) -> dict[str, float]:
        deviation, truth = np.array(config["target_deviation"]), targets.double().numpy()
        errors = (outputs.double().numpy() - truth) * deviation
        unexplained, variation = np.square(errors).sum(), np.square((truth - truth.mean(0)) * deviation).sum()
        return {"r2": float(1 - unexplained / variation), "mae": float(np.abs(errors).mean())}

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
    return outputs * outputs.new_tensor(config["target_deviation"]) + outputs.new_tensor(config["target_mean"])


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and abs(given) <= LARGEST


def _is_row(row: Any, features: int) -> bool:
    return isinstance(row, list | tuple) and len(row) == features and all(map(_is_number, row))
