"""The convolutional network: a plain module, trained as a lane of one."""

import torch
from torch import Tensor, nn

from unitscale.errors import Impossible
from unitscale.models.specs import Model
from worker.trainer.engine.weights import Shapes
from worker.trainer.units.tables import Kind, Kinds, Table, Weight


class ChannelsLast(nn.Sequential):
    """Layers that see the channels of a pixel side by side, which convolutions and pooling are faster with."""

    def forward(self, images: Tensor) -> Tensor:
        """x (B, C, H, W)   →   (B, O).  Strides are told anew: with one channel they would tell of no order."""
        batch, channels, height, width = images.shape
        rows = images.permute(0, 2, 3, 1).reshape(batch, height * width * channels)
        pixels = rows.view(batch, height, width, channels)
        return super().forward(pixels.permute(0, 3, 1, 2))


class Convnet:
    """`depth` 3 × 3 convolutions, each halved by max-pooling and with ReLU, the channels doubling; one linear layer.

    It has no lane axis: grouped convolutions cost more than the runs they would join. ReLU comes after pooling, where a
    quarter of the numbers are left: either order gives the same ones.
    """

    def layers(self, model: Model, inputs: tuple[int, ...], outputs: int) -> nn.Sequential:
        before, height, width = inputs
        if not min(height, width) >> model.depth:
            raise Impossible(f"Images of {height} × {width} pixels cannot be halved {model.depth} times.")
        layers: list[nn.Module] = []
        for number in range(model.depth):
            channels = model.channels << number
            layers += [nn.Conv2d(before, channels, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()]
            before, height, width = channels, height // 2, width // 2
        return ChannelsLast(*layers, nn.Flatten(), nn.Linear(before * height * width, outputs))

    def kinds(self, _model: Model, shapes: Shapes) -> dict[str, Weight]:
        return {name: Weight(Kind.HIDDEN if len(shape) > 1 else Kind.BIAS, shape) for name, shape in shapes.items()}

    def start(self, kinds: Kinds, table: Table, generator: torch.Generator) -> dict[str, Tensor]:
        return table.draw(kinds, generator)
