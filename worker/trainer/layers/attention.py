"""Causal attention with rotary positions.  K lanes, B batch, H heads, T tokens, S tokens looked at, E head size.

Written out: on a CPU `scaled_dot_product_attention` gains nothing at these sizes, and loses in bf16.
"""

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


def attention(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor) -> Tensor:
    """softmax(qkᵀ + mask)v, the scale of the logits already in q.  (M, T, E), (M, S, E), (M, S, E) → (M, T, E)"""
    return torch.bmm(torch.baddbmm(hidden, query, key.mT).softmax(-1), value)
