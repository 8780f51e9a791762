"""SwiGLU (arXiv:2002.05202): what a feed-forward layer makes of its gate and what the gate lets through.

K lanes, N tokens, F features.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, both: Tensor, inner: Tensor | None, outer: Tensor | None) -> Tensor:
        gate, up = both.chunk(2, -1)
        act = functional.silu(gate if inner is None else gate * inner)
        if outer is not None:
            act.mul_(outer)
        ctx.save_for_backward(both, act)
        ctx.inner, ctx.outer = inner, outer
        return act * up

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        (both, act), (g,), inner, outer = ctx.saved_tensors, gradients, ctx.inner, ctx.outer
        (gate, up), found = both.chunk(2, -1), torch.empty_like(both)
        of_gate, of_up = found.chunk(2, -1)
        torch.mul(g, act, out=of_up)
        g = g * up if outer is None else (g * up).mul_(outer)
        if inner is None:
            torch.ops.aten.silu_backward.grad_input(g, gate, grad_input=of_gate)
        else:
            torch.mul(torch.ops.aten.silu_backward(g, gate * inner), inner, out=of_gate)
        return found, None, None


def gated(both: Tensor, inner: Tensor | None = None, outer: Tensor | None = None) -> Tensor:
    """outer · silu(inner · g) · u, for `both` = (g, u).  (K, N, 2F) → (K, N, F)

    The gradients of g and u are written side by side, where the product before wants them.
    """
    if not torch.compiler.is_compiling():
        return _Gated.apply(both, inner, outer)  # type: ignore[no-any-return]
    gate, up = both.chunk(2, -1)
    act = functional.silu(gate if inner is None else gate * inner)
    return (act if outer is None else act * outer) * up
