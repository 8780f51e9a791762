"""Decoder and encoder as they are served: one lane, plain layers, keys and values kept.

B texts, T tokens, M tokens remembered, V vocabulary, D width, H heads, E head size.

The same function as `layers.decoder` for the weights that `plain` makes, in a few kernels a block: rotary positions are
one complex product, for which the two parts of a number stand side by side.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from unitscale.models.specs import Model
from worker.trainer.deployment.text_models import TextModel
from worker.trainer.layers.attention import BASE, mask
from worker.trainer.layers.memory import Memory
from worker.trainer.layers.norm import EPS

AT_ONCE = 1024
"""Tokens that a CPU reads at once: of more, the results leave its caches between layers."""
LONGEST_WRITTEN_OUT = 1024
"""Tokens of a text up to which bf16 attention is written out on a CPU; it takes T² numbers a head."""


@dataclass
class Cache:
    """What the decoder remembers of what it has read: a ring of the latest tokens in each block."""

    first: int = 0
    """Tokens read so far."""
    kept: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """Keys and values of each block, (B·H, reach, E)."""


def side_by_side(tensors: Mapping[str, Tensor], model: Model) -> dict[str, Tensor]:
    """The rows of queries and keys so ordered that real and imaginary part of a number follow each other."""
    width, half = int(model.width or 0), int(model.head_size or 0) // 2
    rows = torch.arange(3 * width)
    turned = rows[: 2 * width].view(-1, 2, half).mT.flatten()
    order = torch.cat((turned, rows[2 * width :]))
    return {name: tensor[order] if ".qkv." in name else tensor for name, tensor in tensors.items()}


class Decoder(TextModel):
    """A transformer that reads texts and, where it is causal, continues them."""

    def __init__(self, layers: nn.Module, model: Model, attends_in: torch.dtype, padding: int | None = None) -> None:
        """Tokens that are `padding` are seen by none, where it is not causal."""
        super().__init__()
        self._padding = padding
        self._layers, self.context = layers, int(model.context or 0)
        self.reach = self.context + int(model.memory_length or 0)
        self._heads, self._head_size = int(model.width or 0) // int(model.head_size or 1), int(model.head_size or 0)
        self._attends_in, self.causal = attends_in, model.kind == "transformer"
        self._turns = torch.empty(0, self._head_size // 2, dtype=torch.complex64)

    def forward(self, tokens: Tensor, memory: Memory | None = None) -> Tensor:
        """Logits of what follows each token, after what is in the memory.  (B, T) → (B, T, V)"""
        at_once = max(1, AT_ONCE // tokens.shape[1])
        if memory is None and not tokens.is_cuda and len(tokens) > at_once:
            return torch.cat([self(part) for part in tokens.split(at_once)])
        return self._layers.readout(_normed(self._read(tokens, memory=memory)))

    def empty_cache(self) -> Cache:
        return Cache()

    def next(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Logits of what follows the last token, after what is in the cache: a whole text first, then single tokens.

        (B, T) → (B, V)
        """
        return self._layers.readout(_normed(self._read(tokens, cache)[:, -1:]))[:, 0]

    def _read(self, tokens: Tensor, cache: Cache | None = None, memory: Memory | None = None) -> Tensor:
        first = cache.first if cache else 0
        last = first + tokens.shape[1] + (memory.tokens if memory else 0)
        turns = self._turned(last, tokens.device)[first:].unsqueeze(1)
        x, hidden = self._layers.embedding(tokens.long()), self._unseen(tokens)
        for number, block in enumerate(self._layers.blocks):
            seen = x if memory is None else memory.before(number, x.unsqueeze(0))[0]
            qkv = self._split(block.qkv(_normed(seen)), turns)
            x = x + block.out(self._attend(number, *qkv, tokens.shape[1], cache, hidden))
            gate, up = block.gate_up(_normed(x)).chunk(2, -1)
            x = x.add_(block.down(functional.silu(gate).mul_(up)))
        if cache is not None:
            cache.first += tokens.shape[1]
        return x

    def _turned(self, count: int, device: torch.device) -> Tensor:
        """e^(i·position·speed) of the first positions, times E^(−1/4), for both q and k carry it.  (T, E/2)"""
        if len(self._turns) < count:
            speeds = BASE ** (-torch.arange(0, self._head_size, 2, dtype=torch.float32) / self._head_size)
            angles = torch.arange(2 * count, dtype=torch.float32).outer(speeds)
            self._turns = torch.polar(torch.full_like(angles, self._head_size**-0.25), angles).to(device)
        return self._turns[:count]

    def _split(self, qkv: Tensor, turns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Turned queries and keys, and values.  (B, M + T, 3D) → (B, H, M + T, E), thrice"""
        batch, count, _ = qkv.shape
        split = qkv.view(batch, count, 3 * self._heads, self._head_size)
        pairs = split[:, :, : 2 * self._heads].unflatten(-1, (-1, 2))
        turned = torch.view_as_real(torch.view_as_complex(pairs) * turns).flatten(-2).transpose(1, 2)
        return *turned.chunk(2, 1), split[:, :, 2 * self._heads :].transpose(1, 2)

    def _attend(
        self,
        number: int,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        count: int,
        cache: Cache | None,
        hidden: Tensor | None,
    ) -> Tensor:
        """What the last `count` tokens make of all.  (B, H, M + T, E), thrice → (B, T, D)"""
        if cache is not None:
            _keep(cache, number, key, value, self.reach)
            if cache.first:
                return self._look_back(query, cache, number)
        mixed = self._look(query[:, :, -count:], key, value, hidden)
        return mixed.transpose(1, 2).flatten(2)

    def _look_back(self, query: Tensor, cache: Cache, number: int) -> Tensor:
        """One token at what is kept. The order of keys means nothing: each carries its position.  → (B, 1, D)"""
        keys, values = cache.kept[number]
        seen = min(cache.first + 1, self.reach)
        scores = torch.bmm(query.flatten(0, 1), keys[:, :seen].mT)
        return torch.bmm(scores.softmax(-1), values[:, :seen]).view(len(query), 1, -1)

    def _unseen(self, tokens: Tensor) -> Tensor | None:
        """0 where there is a token, −∞ where there is padding.  (B, T) → (B, 1, 1, T)"""
        if self._padding is None:
            return None
        hidden = torch.zeros(tokens.shape, dtype=self._attends_in, device=tokens.device)
        return hidden.masked_fill_(tokens == self._padding, float("-inf"))[:, None, None]

    def _look(self, query: Tensor, key: Tensor, value: Tensor, hidden: Tensor | None) -> Tensor:
        """Each token at itself and all before, or at all.  (B, H, T, E), (B, H, M + T, E), twice → (B, H, T, E)"""
        query, key, value = (tensor.to(self._attends_in) for tensor in (query, key, value))
        alone = query.shape == key.shape
        if alone and (self._attends_in is torch.float32 or query.is_cuda or query.shape[2] > LONGEST_WRITTEN_OUT):
            how = {"attn_mask": hidden, "is_causal": self.causal, "scale": 1.0}
            return functional.scaled_dot_product_attention(query, key, value, **how).float()
        batch, (count, seen) = len(query), (query.shape[2], key.shape[2])
        query, key, value = (tensor.flatten(0, 1) for tensor in (query, key, value))
        if hidden is not None:
            hidden = hidden.expand(-1, self._heads, -1, -1).flatten(0, 1)
        else:
            hidden = mask(count, seen, query) if self.causal else query.new_zeros(count, seen)
        scores = torch.baddbmm(hidden, query, key.mT).softmax(-1)
        return torch.bmm(scores, value).unflatten(0, (batch, -1)).float()


def _keep(cache: Cache, number: int, key: Tensor, value: Tensor, reach: int) -> None:
    """Put new keys and values (B, H, T, E) where the oldest ones stood."""
    batch, heads, count, size = key.shape
    if number not in cache.kept:
        cache.kept[number] = key.new_empty(batch * heads, reach, size), key.new_empty(batch * heads, reach, size)
    place = cache.first % reach
    for ring, new in zip(cache.kept[number], (key, value), strict=True):
        ring[:, place : place + count] = new.flatten(0, 1)


def _normed(x: Tensor) -> Tensor:
    return functional.rms_norm(x, x.shape[-1:], eps=EPS)
