"""Operations whose forward and backward passes have scales of their own.  K lanes, N tokens, I fan-in, O fan-out.

One autograd function each, the scale a part of the product where there is one, so that unit scaling costs no further
kernel. A scale is a number where it follows from shapes, which lanes share, and a (K, 1, 1) tensor where it follows
from an alpha, which is each lane's own.

Source: unit scaling, arXiv:2303.11257.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

Cast = Callable[[Tensor], Tensor]
"""To the numbers of a smaller format: and back, where another product than that of the format follows."""
Product = Callable[[Tensor, Tensor, float], Tensor]


_true = False
"""Whether backward passes are the derivatives of forward ones."""


@contextmanager
def true_gradients() -> Iterator[None]:
    """What is computed inside has the gradients of calculus: its backward passes have no scales of their own, and
    nothing is rounded."""
    global _true  # noqa: PLW0603  every operation is told at once, whichever model it is a part of
    before, _true = _true, True
    try:
        yield
    finally:
        _true = before


def product(a: Tensor, b: Tensor, scale: float) -> Tensor:
    """scale · ab, for (K, M, I) and (K, I, N)."""
    if scale == 1:
        return torch.bmm(a, b)
    return torch.baddbmm(a.new_empty(()), a, b, beta=0, alpha=scale)


class Casts:
    """Which numbers the operands of a product may take: those of activations and weights, and those of gradients."""

    def __init__(self, forward: Cast, backward: Cast, product: Product) -> None:
        self.forward, self.backward, self.product = forward, backward, product


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, w: Tensor, y_scale: float, x_scale: float, w_scale: float, casts: Casts | None
    ) -> Tensor:
        if casts is not None:
            x, w = casts.forward(x), casts.forward(w)
        ctx.save_for_backward(x, w)
        ctx.scales, ctx.casts = (x_scale, w_scale), casts
        return (product if casts is None else casts.product)(x, w.mT, y_scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        (x, w), (x_scale, w_scale), (g,) = ctx.saved_tensors, ctx.scales, gradients
        multiply = product
        if ctx.casts is not None:
            g, multiply = ctx.casts.backward(g), ctx.casts.product
        x_gradient = multiply(g, w, x_scale) if ctx.needs_input_grad[0] else None
        return x_gradient, multiply(g.mT, x, w_scale), None, None, None, None


def linear(
    x: Tensor, w: Tensor, scales: tuple[float, float, float] = (1.0, 1.0, 1.0), casts: Casts | None = None
) -> Tensor:
    """y = s_y · xwᵀ;  ∂x = s_x · ∂y w;  ∂w = s_w · ∂yᵀ x.

    x  (K, N, I)      w  (K, O, I)      →  (K, N, O)
    """
    if _true:
        scales, casts = (scales[0], scales[0], scales[0]), None
    return _Linear.apply(x, w, *scales, casts)  # type: ignore[no-any-return]


class _Embedding(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tokens: Tensor, w: Tensor, w_scale: float) -> Tensor:
        lanes, rows, _ = w.shape
        places = tokens + rows * torch.arange(lanes, device=w.device).unsqueeze(1)
        ctx.save_for_backward(places)
        ctx.shape, ctx.scale = w.shape, w_scale
        return w.flatten(0, 1)[places]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        ((places,), (g,)) = ctx.saved_tensors, gradients
        rows = torch.zeros(ctx.shape, device=g.device).flatten(0, 1)  # in fp32: a row sums over many tokens
        rows.index_add_(0, places.flatten(), g.flatten(0, 1).float(), alpha=ctx.scale)
        return None, rows.to(g.dtype).unflatten(0, ctx.shape[:2]), None


def embedding(tokens: Tensor, w: Tensor, w_scale: float = 1.0) -> Tensor:
    """Rows of w; ∂w = s_w · what falls on each row.  tokens (K, N), w (K, V, O) → (K, N, O)"""
    return _Embedding.apply(tokens, w, 1.0 if _true else w_scale)  # type: ignore[no-any-return]


class _Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, forward: Tensor | None, backward: Tensor | float) -> Tensor:
        ctx.backward_scale = backward
        return x.view_as(x) if forward is None else x * forward

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        return gradients[0] * ctx.backward_scale, None, None


def scaled(x: Tensor, forward: Tensor | None = None, backward: Tensor | float = 1.0) -> Tensor:
    """y = f · x;  ∂x = b · ∂y."""
    if _true:
        backward = 1.0 if forward is None else forward
    return _Scaled.apply(x, forward, backward)  # type: ignore[no-any-return]


class _Joined(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, branch: Tensor, skip: Tensor, branch_scale: Tensor, skip_scale: Tensor) -> Tensor:
        ctx.skip_scale = skip_scale
        return torch.addcmul(branch * branch_scale, skip, skip_scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        return gradients[0], gradients[0] * ctx.skip_scale, None, None


def joined(branch: Tensor, skip: Tensor, branch_scale: Tensor, skip_scale: Tensor) -> Tensor:
    """The end of a residual branch: a·f + b·x;  ∂f = ∂y, for a waits at the branch's start;  ∂x = b · ∂y."""
    if _true:
        branch, branch_scale = branch * branch_scale, torch.ones_like(branch_scale)
    return _Joined.apply(branch, skip, branch_scale, skip_scale)  # type: ignore[no-any-return]
