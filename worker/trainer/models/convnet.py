"""The convolutional network: a plain module, trained as a lane of one."""

import torch
from torch import Tensor, nn

from unitscale.errors import Impossible
from unitscale.models.specs import Model
from worker.trainer.engine.weights import Shapes
from worker.trainer.units.tables import Kind, Kinds, Table, Weight


class Convnet:
    """`depth` 3 × 3 convolutions, each with ReLU and halved by max-pooling, the channels doubling; one linear layer.

    It has no lane axis: grouped convolutions cost more than the runs they would join.
    """

    def layers(self, model: Model, inputs: tuple[int, ...], outputs: int) -> nn.Sequential:
        before, height, width = inputs
        if not min(height, width) >> model.depth:
            raise Impossible(f"Images of {height} × {width} pixels cannot be halved {model.depth} times.")
        layers: list[nn.Module] = []
        for number in range(model.depth):
            channels = model.channels << number
            layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            before, height, width = channels, height // 2, width // 2
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * height * width, outputs))

    def kinds(self, _model: Model, shapes: Shapes) -> dict[str, Weight]:
        return {name: Weight(Kind.HIDDEN if len(shape) > 1 else Kind.BIAS, shape) for name, shape in shapes.items()}

    def start(self, kinds: Kinds, table: Table, generator: torch.Generator) -> dict[str, Tensor]:
        return table.draw(kinds, generator)
