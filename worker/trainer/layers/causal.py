"""Causal attention by blocks: what no token may look at is not computed.

M heads of the batch, T tokens, S tokens seen, E head size.

A block is some tokens that ask, of a few heads, so that its shares stay in the processor's caches.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from worker.trainer.layers.attention import attention

ASKING = 128
"""Tokens of a block. In multiples of 8, lanes are bitwise what they are alone."""
SHARES = 2**20
"""At most of the heads of one block, over all its tokens."""
FULL_BYTES = 4
"""Of a number from which on blocks gain: in bf16 the smaller products lose what they save."""


class _Causal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, hidden: Tensor) -> Tensor:
        before, kept, mixed = hidden.shape[1] - hidden.shape[0], list[Tensor](), torch.empty_like(query)
        edge = hidden[:ASKING, before : before + ASKING]
        for heads, asking, seen in _blocks(query, before):
            shares = torch.bmm(query[heads, asking], key[heads, seen].mT)
            shares[:, :, -ASKING:].add_(edge)
            kept.append(torch.softmax(shares, -1, out=shares))
            torch.bmm(shares, value[heads, seen], out=mixed[heads, asking])
        ctx.save_for_backward(query, key, value, *kept)
        return mixed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        (query, key, value, *kept), (g,) = ctx.saved_tensors, gradients
        of_query, of_key, of_value = torch.empty_like(query), torch.zeros_like(key), torch.zeros_like(value)
        blocks = _blocks(query, key.shape[1] - query.shape[1])
        for (heads, asking, seen), shares in zip(blocks, kept, strict=True):
            found = torch.bmm(g[heads, asking], value[heads, seen].mT)
            torch._softmax_backward_data(found, shares, -1, found.dtype, grad_input=found)  # noqa: SLF001  no public name
            torch.bmm(found, key[heads, seen], out=of_query[heads, asking])
            of_key[heads, seen] += torch.bmm(found.mT, query[heads, asking])
            of_value[heads, seen] += torch.bmm(shares.mT, g[heads, asking])
        return of_query, of_key, of_value, None


def causal(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor) -> Tensor:
    """`attention` under a causal mask (T, S), by blocks where that is faster."""
    whole = query.shape[1] <= ASKING or query.shape[1] % ASKING or query.shape[2] % 8
    if whole or not query.is_cpu or query.element_size() < FULL_BYTES or torch.compiler.is_compiling():
        return attention(query, key, value, hidden)
    return _Causal.apply(query, key, value, hidden)  # type: ignore[no-any-return]


def _blocks(query: Tensor, before: int) -> Iterator[tuple[slice, slice, slice]]:
    """Heads, the tokens that ask and those they see."""
    count = query.shape[1]
    several = max(1, SHARES // (count * (count + before)))
    for head in range(0, len(query), several):
        for first in range(0, count, ASKING):
            yield slice(head, head + several), slice(first, first + ASKING), slice(before + first + ASKING)
