"""Causal attention with rotary positions.  K lanes, B batch, H heads, T tokens, S tokens looked at, E head size.

Written out: on a CPU `scaled_dot_product_attention` gains nothing at these sizes, and loses in bf16.
"""

from typing import Any

import torch
from torch import Tensor

BASE = 10_000.0


def angles(first: int, count: int, head_size: int, device: torch.device | str) -> Tensor:
    """Cosines and sines of positions `first`, `first` + 1, …  (2, T, E/2); RoPE, arXiv:2104.09864."""
    speeds = BASE ** (-torch.arange(0, head_size, 2, device=device, dtype=torch.float32) / head_size)
    turned = torch.arange(first, first + count, device=device, dtype=torch.float32).outer(speeds)
    return torch.stack((turned.cos(), turned.sin()))


def rotated(x: Tensor, angle: Tensor) -> Tensor:
    """x (…, T, E) turned by its position: the first half of a head are real parts, the second imaginary."""
    cosine, sine = angle
    real, imaginary = x.chunk(2, -1)
    return torch.cat((real * cosine - imaginary * sine, real * sine + imaginary * cosine), -1)


def mask(count: int, seen: int, like: Tensor) -> Tensor:
    """0 where a token may look, −∞ where it may not: it sees itself and all before.  (T, S)"""
    never = like.new_full((count, seen), float("-inf"))
    return never.triu(1 + seen - count)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, hidden: Tensor) -> Tensor:
        shares = torch.baddbmm(hidden, query, key.mT)
        torch.softmax(shares, -1, out=shares)
        ctx.save_for_backward(query, key, value, shares)
        return torch.bmm(shares, value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        (query, key, value, shares), (g,) = ctx.saved_tensors, gradients
        of_value, found = torch.bmm(shares.mT, g), torch.bmm(g, value.mT)
        torch._softmax_backward_data(found, shares, -1, found.dtype, grad_input=found)  # noqa: SLF001  no public name
        return torch.bmm(found, key), torch.bmm(found.mT, query), of_value, None


def attention(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor) -> Tensor:
    """softmax(qkᵀ + mask)v, the scale of the logits already in q.  (M, T, E), (M, S, E), (M, S, E) → (M, T, E)"""
    if torch.compiler.is_compiling():
        return torch.bmm(torch.baddbmm(hidden, query, key.mT).softmax(-1), value)
    return _Attention.apply(query, key, value, hidden)  # type: ignore[no-any-return]


def turns(angle: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    """`scale` · e^(i · angle): by what pairs of features are multiplied.  (2, T, E/2) → (T, E/2), complex

    A scale (K, 1, 1) that lanes do not share gives (K, 1, 1, T, E/2).
    """
    turned = torch.complex(*angle) * scale
    return turned if turned.dim() == 2 else turned[:, None, None]


def paired(weight: Tensor, head_size: int) -> Tensor:
    """The rows of a weight that puts out queries, keys and values: of queries and keys, each real part beside its
    imaginary one.  (K, 3D, D) → (K, 3D, D)"""
    turned, rest = weight.split((weight.shape[1] // 3 * 2, weight.shape[1] // 3), 1)
    return torch.cat((turned.unflatten(1, (-1, 2, head_size // 2)).transpose(2, 3).flatten(1, 3), rest), 1)


class _Heads(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qkv: Tensor, query_turns: Tensor, key_turns: Tensor, count: int) -> tuple[Tensor, ...]:
        query, key, value = _parts(qkv, count)
        ctx.shape, ctx.count = qkv.shape, count
        ctx.save_for_backward(query_turns, key_turns)
        turned = (torch.empty(part.shape, dtype=torch.float32, device=qkv.device) for part in (query, key))
        pairs = zip((query, key), (query_turns, key_turns), turned, strict=True)
        return *(_turn(*pair).flatten(0, 2).to(qkv.dtype) for pair in pairs), value.flatten(0, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        found = gradients[1].new_empty(ctx.shape)
        query, key, value = _parts(found, ctx.count)
        if query.shape != key.shape:
            found[:, :, :, 0].zero_()  # of those that do not ask
        for place, gradient, turned in zip((query, key), gradients, ctx.saved_tensors, strict=False):
            _turn(gradient.contiguous().view(place.shape), turned.conj(), place)
        value.copy_(gradients[2].reshape(value.shape))
        return found, None, None, None


def heads(qkv: Tensor, query_turns: Tensor, key_turns: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries of the last `count` tokens and keys, both turned, and values: one pass over memory each.

    (K, B, S, 3, H, E), the features of queries and keys in pairs → (K·B·H, T, E), (K·B·H, S, E), (K·B·H, S, E)
    """
    return _Heads.apply(qkv, query_turns, key_turns, count)  # type: ignore[no-any-return]


def _parts(qkv: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Views (K, B, H, T, E), (K, B, H, S, E), (K, B, H, S, E)."""
    query, key, value = qkv.permute(3, 0, 1, 4, 2, 5).unbind()
    return query[..., -count:, :], key, value


def _turn(x: Tensor, turned: Tensor, out: Tensor) -> Tensor:
    """x · turned into `out`, in fp32 whatever their numbers."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    if out.dtype == torch.float32:
        torch.mul(pairs, turned, out=torch.view_as_complex(out.unflatten(-1, (-1, 2))))
        return out
    return out.copy_(torch.view_as_real(pairs * turned).flatten(-2))
