"""The encoder-decoder transformer as a plain module.

B pairs, S tokens of a source, T of a target, M real tokens of all targets, V vocabulary, D width, H heads, E head size.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.trainer.data.vocabulary import PAD
from worker.trainer.layers.attention import angles, rotated

HIDDEN = 2
"""Features of a feed-forward layer over the width."""
EPS = 1e-5


class Memory(NamedTuple):
    """What a decoder asks of a source, computed once: keys and values (B, H, S, E) of each block, and padding."""

    kept: list[tuple[Tensor, Tensor]]
    hidden: Tensor
    """(B, 1, 1, S): 0 where there is a token, −∞ where there is none."""

    def at(self, rows: Tensor) -> "Memory":
        """That of other rows, in their order."""
        return Memory([(key[rows], value[rows]) for key, value in self.kept], self.hidden[rows])


Past = list[tuple[Tensor, Tensor]]
"""Keys and values (B, H, T, E) of each block of a decoder, of the tokens it has read."""


class EncoderDecoder(nn.Module):
    """Pre-norm with RMSNorm without gains, rotary positions, SwiGLU of 2D features, no biases.

    Source, target and readout share one embedding: their vocabulary is one.
    """

    def __init__(self, vocabulary: int, width: int, depth: int, head_size: int, longest: int) -> None:
        super().__init__()
        self.longest, self._head_size = longest, head_size
        self.embedding, self.unembedding = nn.Embedding(vocabulary, width), Product()
        self.encoder = nn.ModuleList(_block(width, "attend") for _ in range(depth))
        self.decoder = nn.ModuleList(_block(width, "attend", "ask") for _ in range(depth))

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits of what follows each real token of the targets, row by row: padding costs no readout.

        inputs (B, S + T), of which S is the longest source  →  (M, V)
        """
        source, target = (_trimmed(side.long()) for side in inputs.tensor_split([self.longest], 1))
        states, _ = self.step(target, self.encode(source))
        return self.readout(states[target != PAD])

    def encode(self, source: Tensor) -> Memory:
        """(B, S) → what each block of the decoder asks of it."""
        x, turned = self._embedded(source), self._angles(0, source)
        hidden = x.new_zeros(source.shape).masked_fill_(source == PAD, float("-inf"))[:, None, None]
        for block in self.encoder:
            query, key, value = self._heads(block["attend"]["qkv"](_normed(x)), 3)
            mixed = _attention(rotated(query, turned), rotated(key, turned), value, hidden)
            x = x + block["attend"]["out"](mixed)
            x = _fed(block, x)
        states = _normed(x)
        return Memory([self._told(block, states, turned) for block in self.decoder], hidden)

    def step(self, tokens: Tensor, memory: Memory, past: Past | None = None) -> tuple[Tensor, Past]:
        """States (B, T, D) of tokens (B, T) that follow those of the past, and the past with them."""
        first = past[0][0].shape[2] if past else 0
        x, turned, now = self._embedded(tokens), self._angles(first, tokens), list[tuple[Tensor, Tensor]]()
        later = _later(tokens.shape[1], first + tokens.shape[1], x)
        for number, block in enumerate(self.decoder):
            query, key, value = self._heads(block["attend"]["qkv"](_normed(x)), 3)
            key = rotated(key, turned)
            if past:
                key, value = torch.cat((past[number][0], key), 2), torch.cat((past[number][1], value), 2)
            now.append((key, value))
            x = x + block["attend"]["out"](_attention(rotated(query, turned), key, value, later))
            (asked,) = self._heads(block["ask"]["q"](_normed(x)), 1)
            x = x + block["ask"]["out"](_attention(rotated(asked, turned), *memory.kept[number], memory.hidden))
            x = _fed(block, x)
        return _normed(x), now

    def readout(self, states: Tensor) -> Tensor:
        """(…, D) → logits (…, V)"""
        return self.unembedding(states, self.embedding.weight)

    def _embedded(self, tokens: Tensor) -> Tensor:
        return self.embedding(tokens) * self.embedding.embedding_dim**0.5

    def _told(self, block: nn.Module, states: Tensor, turned: Tensor) -> tuple[Tensor, Tensor]:
        key, value = self._heads(block["ask"]["kv"](states), 2)
        return rotated(key, turned), value

    def _heads(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        """(B, T, parts · D) → each (B, H, T, E)"""
        return x.unflatten(2, (parts, -1, self._head_size)).permute(2, 0, 3, 1, 4).unbind()

    def _angles(self, first: int, tokens: Tensor) -> Tensor:
        like = self.embedding.weight
        return angles(first, tokens.shape[1], self._head_size, like.device).to(like.dtype)


class Product(nn.Module):
    """With a weight of another layer: a layer of its own for those who look at what layers put out."""

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        return functional.linear(x, weight)


def _block(width: int, *attentions: str) -> nn.ModuleDict:
    sizes = {"attend": {"qkv": 3, "out": 1}, "ask": {"q": 1, "kv": 2, "out": 1}}
    layers: dict[str, nn.Module] = {
        name: nn.ModuleDict({part: nn.Linear(width, times * width, bias=False) for part, times in sizes[name].items()})
        for name in attentions
    }
    layers["gate_up"] = nn.Linear(width, 2 * HIDDEN * width, bias=False)
    layers["down"] = nn.Linear(HIDDEN * width, width, bias=False)
    return nn.ModuleDict(layers)


def _attention(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor) -> Tensor:
    """(B, H, T, E), (B, H, S, E) twice → (B, T, H · E)"""
    logits = (query * query.shape[-1] ** -0.5) @ key.mT + hidden
    return (logits.softmax(-1) @ value).transpose(1, 2).flatten(2)


def _fed(block: nn.Module, x: Tensor) -> Tensor:
    gate, up = block["gate_up"](_normed(x)).chunk(2, -1)
    return x + block["down"](functional.silu(gate) * up)


def _later(count: int, seen: int, like: Tensor) -> Tensor:
    """0 where a token may look, −∞ where it may not: it sees itself and all before.  (T, S)"""
    return like.new_full((count, seen), float("-inf")).triu(1 + seen - count)


def _trimmed(tokens: Tensor) -> Tensor:
    """Without the columns that are padding in every row; one stays. A GPU would have to wait for the answer."""
    if tokens.is_cuda or tokens.is_meta:
        return tokens
    return tokens[:, : max(1, int((tokens != PAD).sum(1).max()))]


def _normed(x: Tensor) -> Tensor:
    return functional.rms_norm(x, x.shape[-1:], eps=EPS)
