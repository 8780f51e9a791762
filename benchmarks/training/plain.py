"""The same data, models and first weights as the engine's, as one writes them by hand in PyTorch."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Sampler, TensorDataset

from benchmarks.training.works import LIBRARY
from unitscale.models.specs import JobSpec, TaskName
from worker.trainer.assembly import sources
from worker.trainer.assembly.assemble import assemble
from worker.trainer.assembly.blueprint import built
from worker.trainer.catalog import TASKS
from worker.trainer.engine import kernels
from worker.trainer.engine.batches import mix


class Shuffled(Sampler[int]):
    """The engine's order of the examples, epoch after epoch."""

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._seed, self._epoch = count, seed, 0

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(mix(self._seed, self._epoch))
        self._epoch += 1
        return iter(torch.randperm(self._count, generator=generator).tolist())

    def __len__(self) -> int:
        return self._count


def loader(spec: JobSpec) -> DataLoader:
    """Batches of the training split; tokens as PyTorch's modules take them."""
    source = sources.bundled(str(spec.dataset), LIBRARY)
    splits = source.row.splits(source.tensors, spec.data.fraction, spec.model)
    inputs, targets = TASKS[spec.task].prepare(splits, source.row.facts(source.tensors)).splits.training
    if spec.task is TaskName.TEXT_GENERATION:
        inputs, targets = inputs.long(), targets.long()
    return DataLoader(
        TensorDataset(inputs, targets), int(spec.units.batch_size), sampler=Shuffled(len(inputs), spec.seed)
    )


def epochs(batches: DataLoader) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches for ever."""
    while True:
        yield from batches


def model(spec: JobSpec) -> nn.Module:
    """A plain module with the first weights of the engine."""
    assembly = assemble([spec], "cpu", LIBRARY)
    kernels.settle(kernels.DEFAULT)  # what others find when they import torch
    if spec.task is TaskName.TEXT_GENERATION:
        sizes = spec.model
        layers: nn.Module = Gpt(
            assembly.config["outputs"], int(sizes.width or 0), int(sizes.depth or 0), int(sizes.head_size or 0)
        )
    elif spec.model.kind == "convnet":
        layers = convnet(int(spec.model.channels or 0), int(spec.model.depth or 0), assembly.config)
    else:
        layers = built(spec.model, assembly.config)
    layers.load_state_dict(assembly.finished(0), assign=True)
    layers.requires_grad_()
    return layers if spec.model.kind != "mlp" else nn.Sequential(nn.Flatten(), layers)


def convnet(channels: int, depth: int, config: dict[str, Any]) -> nn.Module:
    """Convolutions, each with ReLU and max-pooling, and a linear layer."""
    before, height, width = config["inputs"]
    layers: list[nn.Module] = []
    for number in range(depth):
        layers += [nn.Conv2d(before, channels << number, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        before = channels << number
    features = before * (height >> depth) * (width >> depth)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, config["outputs"]))


def loss_of(spec: JobSpec, outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of a batch."""
    if spec.task is TaskName.REGRESSION:
        return functional.mse_loss(outputs, targets)
    return functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())


class Gpt(nn.Module):
    """A decoder: RMSNorm without gains, rotary positions, SwiGLU, no biases."""

    def __init__(self, vocabulary: int, width: int, depth: int, head_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, head_size) for _ in range(depth))
        self.readout = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return self.readout(functional.rms_norm(x, x.shape[-1:], eps=1e-5))


class Block(nn.Module):
    """Attention and feed-forward."""

    def __init__(self, width: int, head_size: int) -> None:
        super().__init__()
        self.head_size = head_size
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.gate_up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attend(functional.rms_norm(x, x.shape[-1:], eps=1e-5))
        gate, up = self.gate_up(functional.rms_norm(x, x.shape[-1:], eps=1e-5)).chunk(2, -1)
        return x + self.down(functional.silu(gate) * up)

    def attend(self, x: Tensor) -> Tensor:
        parts = self.qkv(x).unflatten(-1, (3, -1, self.head_size)).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind()
        cosine, sine = self.turns(x.shape[1])
        query, key = turned(query, cosine, sine), turned(key, cosine, sine)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def turns(self, count: int) -> tuple[Tensor, Tensor]:
        speeds = 10_000.0 ** (-torch.arange(0, self.head_size, 2, dtype=torch.float32) / self.head_size)
        angles = torch.arange(count, dtype=torch.float32).outer(speeds)
        return angles.cos(), angles.sin()


def turned(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions."""
    real, imaginary = x.chunk(2, -1)
    return torch.cat((real * cosine - imaginary * sine, real * sine + imaginary * cosine), -1)
