"""Causal attention by blocks: what no token may look at is not computed.

M heads of the batch, T tokens, S tokens seen, E head size. A block is some tokens that ask, of every head.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from worker.trainer.layers.attention import attention

LARGE, SMALL = 128, 64
"""Tokens of a block, of which there are two at the least. In multiples of 8, lanes are bitwise what they are alone."""


class _Causal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, hidden: Tensor) -> Tensor:
        before, kept, mixed = key.shape[1] - query.shape[1], list[Tensor](), torch.empty_like(query)
        edge = hidden[:LARGE, before : before + LARGE]
        for asking, seen in _blocks(query.shape[1], before):
            shares = torch.bmm(query[:, asking], key[:, seen].mT)
            count = shares.shape[1]
            shares[:, :, -count:].add_(edge[:count, :count])
            kept.append(torch.softmax(shares, -1, out=shares))
            torch.bmm(shares, value[:, seen], out=mixed[:, asking])
        ctx.save_for_backward(query, key, value, *kept)
        return mixed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        (query, key, value, *kept), (g,) = ctx.saved_tensors, gradients
        of_query, of_key, of_value = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
        blocks = list(_blocks(query.shape[1], key.shape[1] - query.shape[1]))
        for number, ((asking, seen), shares) in enumerate(zip(blocks[::-1], kept[::-1], strict=True)):
            found = torch.bmm(g[:, asking], value[:, seen].mT)
            torch._softmax_backward_data(found, shares, -1, found.dtype, grad_input=found)  # noqa: SLF001  no public name
            torch.bmm(found, key[:, seen], out=of_query[:, asking])
            beta = min(1, number)  # the last block sees all: what it finds is written, the others' is added
            of_key[:, seen].baddbmm_(found.mT, query[:, asking], beta=beta)
            of_value[:, seen].baddbmm_(shares.mT, g[:, asking], beta=beta)
        return of_query, of_key, of_value, None


def causal(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor) -> Tensor:
    """`attention` under a causal mask (T, S), by blocks where that is faster."""
    whole = query.shape[1] < 2 * SMALL or any(size % 8 for size in (*query.shape[1:], key.shape[1]))
    if whole or not query.is_cpu or torch.compiler.is_compiling():
        return attention(query, key, value, hidden)
    return _Causal.apply(query, key, value, hidden)  # type: ignore[no-any-return]


def _blocks(count: int, before: int) -> Iterator[tuple[slice, slice]]:
    """The tokens that ask and those they see."""
    size = LARGE if count >= 2 * LARGE else SMALL
    for first in range(0, count, size):
        last = min(first + size, count)
        yield slice(first, last), slice(before + last)
