"""What a transformer computes: a decoder, whose tokens see those before them, or an encoder, whose tokens see all.

K lanes, B batch, T tokens, M tokens remembered, V vocabulary, D width, H heads, E head size.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from worker.trainer.layers.attention import angles, attention, heads, mask, paired, rotated, turns
from worker.trainer.layers.causal import causal
from worker.trainer.layers.memory import Memory
from worker.trainer.layers.norm import normed
from worker.trainer.units.operations import embedding, linear
from worker.trainer.units.plan import Plan
from worker.trainer.units.rules import Plain, Rules, UnitScaled
from worker.trainer.units.tables import Kind


@dataclass
class Cache:
    """What a decoder remembers of what it has read: keys and values of each block, of the latest tokens."""

    first: int = 0
    """Tokens read so far."""
    kept: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)


class Pass(NamedTuple):
    """One pass over tokens: what all its layers share."""

    weights: Mapping[str, Tensor]
    batch: int
    tokens: int
    """Of the whole batch, of which this pass may be a part."""
    angles: Tensor
    hidden: Tensor
    cache: Cache | None
    memory: Memory | None


class Decoder:
    """The function of K lanes, which differ in weights and alphas."""

    def __init__(self, plan: Plan, causal: bool = True, padding: int | None = None) -> None:
        """Without `causal`, tokens that are `padding` are seen by none."""
        model, self._causal, self._padding = plan.model, causal, padding
        self._plan, self._depth, self._head_size = plan, int(model.depth or 0), int(model.head_size or 0)
        self.reach = int(model.context or 0) + int(model.memory_length or 0)
        """Tokens that the last one of a window looks at."""
        self._rules: Rules = Plain(plan.table.parametrization, self._head_size)
        if plan.table.unit_scaled:
            self._rules = UnitScaled(plan.alphas, self._depth, (self.reach, causal), self._head_size, plan.like)

    def outputs(
        self,
        weights: Mapping[str, Tensor],
        tokens: Tensor,
        parts: float = 1,
        cache: Cache | None = None,
        memory: Memory | None = None,
    ) -> Tensor:
        """Logits of what follows each token, or stands in its place.  (K, B, T) → (K, B, T, V)

        The tokens are one of `parts` equal parts of a batch; they follow on what is in the cache, or the memory.
        """
        run = self._begin(weights, tokens, parts, cache, memory)
        features = self._stack(run, tokens)
        if self._plan.probe is not None:
            features = self._plan.probe("features", features)
        logits = self._product(run, "readout", normed(features))
        vocabulary = self._plan.kinds["readout.weight"].fan_out
        return self._rules.logits(logits, run.tokens, vocabulary).unflatten(1, tokens.shape[1:])

    def folds(self) -> dict[str, float]:
        """None: what stands between the weights has scales too, so they are read by this page."""
        return {}

    def features(self, weights: Mapping[str, Tensor], tokens: Tensor) -> Tensor:
        """The last residual, before it is normed and read out.  (K, B, T) → (K, B·T, D)"""
        return self._stack(self._begin(weights, tokens, 1), tokens)

    def _stack(self, run: Pass, tokens: Tensor) -> Tensor:
        scale = self._plan.table.lookup_scale(self._plan.kinds["embedding.weight"], run.tokens)
        x = embedding(tokens.flatten(1).long(), run.weights["embedding.weight"], scale)
        for number in range(self._depth):
            x = self._rules.residual(2 * number, x, partial(self._attend, run, number))
            x = self._rules.residual(2 * number + 1, x, partial(self._feed_forward, run, number))
        return x

    def _begin(
        self,
        weights: Mapping[str, Tensor],
        tokens: Tensor,
        parts: float,
        cache: Cache | None = None,
        memory: Memory | None = None,
    ) -> Pass:
        _, batch, count = tokens.shape
        first, like = cache.first if cache else 0, weights["readout.weight"]
        before = memory.tokens if memory else 0
        seen = count + before + (min(first, self.reach - count) if cache else 0)
        turned = angles(first, before + count, self._head_size, like.device)
        if cache is not None:
            cache.first += count
        hidden = mask(count, seen, like) if self._causal else self._unseen(tokens, like)
        return Pass(weights, batch, round(batch * count * parts), turned, hidden, cache, memory)

    def _unseen(self, tokens: Tensor, like: Tensor) -> Tensor:
        """0 where there is a token, −∞ where there is padding.  (K, B, T) → (T, T), or (K·B·H, 1, T)"""
        if self._padding is None:
            return like.new_zeros(tokens.shape[-1], tokens.shape[-1])
        hidden = like.new_zeros(tokens.shape).masked_fill_(tokens == self._padding, float("-inf"))
        return hidden.flatten(0, 1).repeat_interleave(like.shape[-1] // self._head_size, 0).unsqueeze(1)

    def _product(self, run: Pass, name: str, x: Tensor, share: float = 1, weight: Tensor | None = None) -> Tensor:
        """What the layer makes of x, which is `share` times as many tokens as the pass is over."""
        kind = self._plan.kinds[f"{name}.weight"]
        casts = self._plan.casts if kind.kind is Kind.HIDDEN else None
        weight = run.weights[f"{name}.weight"] if weight is None else weight
        y = linear(x, weight, self._plan.table.scales(kind, round(run.tokens * share)), casts)
        return y if self._plan.probe is None else self._plan.probe(name, y, kind.fan_out)

    def _attend(self, run: Pass, number: int, x: Tensor) -> Tensor:
        """x (K, B·T, D) → (K, B·T, D)"""
        lanes, rows, width = x.shape
        count = rows // run.batch
        if run.memory is not None:
            x = run.memory.before(number, x.unflatten(1, (run.batch, count))).flatten(1, 2)
        query, key, value = self._heads(run, f"blocks.{number}.qkv", normed(x), count)
        if run.cache is not None:
            key, value = self._remembered(run.cache, number, key, value)
        attend = causal if self._causal else attention
        mixed = attend(query, key, value, run.hidden).unflatten(0, (-1, width // self._head_size)).transpose(1, 2)
        return self._product(run, f"blocks.{number}.out", self._rules.mixed(mixed.reshape(lanes, rows, width)))

    def _heads(self, run: Pass, name: str, x: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries of the last `count` tokens, keys and values.  (K, B·(M + T), D) → (K·B·H, M + T, E) each"""
        weight, share = run.weights[f"{name}.weight"], x.shape[1] / (run.batch * count)
        shape, query_scale = (
            (len(x), run.batch, -1, 3, x.shape[2] // self._head_size, self._head_size),
            self._rules.query,
        )
        if not torch.compiler.is_compiling() and run.cache is None:
            qkv = self._product(run, name, x, share, paired(weight, self._head_size))
            asking = turns(run.angles[:, -count:], query_scale)
            return heads(qkv.view(shape), asking, turns(run.angles), count)
        qkv = self._product(run, name, x, share).view(shape).permute(3, 0, 1, 4, 2, 5)
        query, key, value = (part.flatten(1, 2) for part in qkv.unbind())
        angle = run.angles.to(x.dtype)
        query = rotated(query[:, :, -count:] * query_scale, angle[:, -count:])
        return query.flatten(0, 1), rotated(key, angle).flatten(0, 1), value.flatten(0, 1)

    def _remembered(self, cache: Cache, number: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        if number in cache.kept:
            old_key, old_value = cache.kept[number]
            key, value = torch.cat((old_key, key), 1), torch.cat((old_value, value), 1)
        cache.kept[number] = key[:, -self.reach :], value[:, -self.reach :]
        return cache.kept[number]

    def _feed_forward(self, run: Pass, number: int, x: Tensor) -> Tensor:
        both = self._product(run, f"blocks.{number}.gate_up", normed(x))
        return self._product(run, f"blocks.{number}.down", self._rules.gated(both))
