"""What stands between the weights of a transformer: residual branches, attention, gates and logits, by parametrization.

K lanes, T tokens of context, E head size.
"""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from unitscale.models.units import Alphas, Parametrization
from worker.trainer.units.gates import gated
from worker.trainer.units.operations import joined, scaled

Branch = Callable[[Tensor], Tensor]
Seen = tuple[int, bool]
"""Tokens that the last one of a window looks at, and whether the others look at fewer."""


class Rules(Protocol):
    """The parts of a transformer that have no weights."""

    def residual(self, number: int, x: Tensor, branch: Branch) -> Tensor: ...
    @property
    def query(self) -> Tensor | float: ...
    def mixed(self, values: Tensor) -> Tensor: ...
    def gated(self, both: Tensor) -> Tensor: ...
    def logits(self, logits: Tensor, tokens: int, vocabulary: int) -> Tensor: ...


class Plain:
    """SP and μP: x + f(x), logits qk/√E (SP) or qk/E (μP), silu(g) · u."""

    def __init__(self, parametrization: Parametrization, head_size: int) -> None:
        power = 1.0 if parametrization is Parametrization.MUP else 0.5
        self.query = head_size**-power
        """What queries are multiplied by."""

    def residual(self, _number: int, x: Tensor, branch: Branch) -> Tensor:
        return x + branch(x)

    def mixed(self, values: Tensor) -> Tensor:
        return values

    def gated(self, both: Tensor) -> Tensor:
        return gated(both)

    def logits(self, logits: Tensor, _tokens: int, _vocabulary: int) -> Tensor:
        return logits


class UnitScaled:
    """u-μP, with the alphas of each lane.

    Residual branches i = 0 … 2L−1, attention first, r = α_res_attn_ratio: a_f = α_res √(2/(1+r²)), a_a = r·a_f;
    τ_i = a_i / √(L + ⌈i/2⌉ a_a² + ⌊i/2⌋ a_f²) and x ← (τ f(x) + x)/√(1+τ²). Backward, the branch's share stands at
    its start, so that unit scale reaches all of it. The scales of attention and gate are fits to their deviation
    under unit normal inputs: between two bounds, on a logarithmic scale.
    """

    def __init__(self, alphas: Sequence[Alphas], depth: int, seen: Seen, head_size: int, like: Tensor) -> None:
        def column(numbers: Sequence[float]) -> Tensor:
            return torch.tensor(list(numbers), dtype=torch.float64).to(like).view(-1, 1, 1)

        taus = [[_tau(a, number, depth) for a in alphas] for number in range(2 * depth)]
        self._branch = [column([t / math.hypot(1, t) for t in tau]) for tau in taus]
        self._skip = [column([1 / math.hypot(1, t) for t in tau]) for tau in taus]
        self.query = column([a.attn_softmax / head_size for a in alphas])
        """What queries are multiplied by.  (K, 1, 1)"""
        self._mixed = column([_attention_scale(a.attn_softmax, seen, head_size) for a in alphas])
        self._act = None if all(a.ffn_act == 1 for a in alphas) else column([a.ffn_act for a in alphas])
        self._gated = column([_gate_scale(a.ffn_act) / a.ffn_act for a in alphas])
        self._loss = column([a.loss_softmax for a in alphas])

    def residual(self, number: int, x: Tensor, branch: Branch) -> Tensor:
        share, skip = self._branch[number], self._skip[number]
        return joined(branch(scaled(x, backward=share)), x, share, skip)

    def mixed(self, values: Tensor) -> Tensor:
        return values * self._mixed

    def gated(self, both: Tensor) -> Tensor:
        """g · sigmoid(αg) · u, which is silu(αg)/α · u, so that lanes of α = 1 stay bitwise what they are alone."""
        return gated(both, self._act, self._gated)

    def logits(self, logits: Tensor, tokens: int, vocabulary: int) -> Tensor:
        """α times the logits; backward, unit scale for the gradient of a mean over `tokens` cross entropies."""
        return scaled(logits, self._loss, tokens * vocabulary / math.sqrt(vocabulary - 1))


def _tau(alphas: Alphas, number: int, depth: int) -> float:
    ratio = alphas.res_attn_ratio
    feed_forward = alphas.res * math.sqrt(2 / (1 + ratio**2))
    attention = ratio * feed_forward
    before = (number + 1) // 2 * attention**2 + number // 2 * feed_forward**2
    return (feed_forward if number % 2 else attention) / math.sqrt(depth + before)


def _attention_scale(alpha: float, seen: Seen, head_size: int) -> float:
    """A token that sees all others averages over T; one that sees those before, over T / ln T in the mean."""
    context, causal = seen
    lowest = math.sqrt((math.log(context) if causal else 1) / context)
    return 1 / _between(1 / (1 + 4 * head_size / alpha**2), lowest, 1.0)


def _gate_scale(alpha: float) -> float:
    return _between(1 / (1 + 1 / alpha**2), 2.0, math.sqrt(2))


def _between(share: float, low: float, high: float) -> float:
    return low ** (1 - share) * high**share
