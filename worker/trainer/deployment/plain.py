"""A transformer of any parametrization as a plain one: its multipliers go into the weights that they stand beside.

What a parametrization does between the weights is found by asking its rules, with ones for numbers. Of a residual
branch x ← a·f(x) + b·x the norm that opens each branch sees only the direction of x, so b is divided out of all that
is added later, down to the ε of the norm.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from unitscale.models.specs import Model
from unitscale.models.units import Alphas, Units
from worker.trainer.units.rules import Plain, Rules, UnitScaled
from worker.trainer.units.tables import Kinds, Table

ONE = torch.ones(1, 1, 1, dtype=torch.float64)
LARGE = 50.0
"""Where silu(g) is g to the last digit of a double."""


def plain(weights: Mapping[str, Tensor], model: Model, units: Units, table: Table, kinds: Kinds) -> dict[str, Tensor]:
    """Weights that mean under `sp` what these mean under their parametrization."""
    rules, size = _rules(model, units), int(model.head_size or 0)
    folded = {name: weight.double() * table.multiplier(kinds[name]) for name, weight in weights.items()}
    act = (units.alphas or Alphas()).ffn_act if table.unit_scaled else 1.0
    stream = 1.0  # the true residual over the one that is carried here
    for number in range(int(model.depth or 0)):
        shares = []
        for half in (2 * number, 2 * number + 1):
            stream *= _asked(rules.residual(half, ONE, torch.zeros_like))
            shares.append(_asked(rules.residual(half, 0 * ONE, torch.ones_like)) / stream)
        block = f"blocks.{number}."
        width = folded[f"{block}out.weight"].shape[0]
        folded[f"{block}qkv.weight"][:width] *= float(rules.query) * size**0.5
        folded[f"{block}out.weight"] *= _asked(rules.mixed(ONE)) * shares[0]
        folded[f"{block}gate_up.weight"][: 2 * width] *= act
        folded[f"{block}down.weight"] *= _gated(rules, act) * shares[1]
    folded["readout.weight"] *= _asked(rules.logits(ONE, 1, 2))
    return {name: weight.float() for name, weight in folded.items()}


def _rules(model: Model, units: Units) -> Rules:
    size = int(model.head_size or 0)
    if Table(units.parametrization).unit_scaled:
        reach = int(model.context or 0) + int(model.memory_length or 0)
        seen = reach, model.kind == "transformer"
        return UnitScaled((units.alphas or Alphas(),), int(model.depth or 0), seen, size, ONE)
    return Plain(units.parametrization, size)


def _gated(rules: Rules, act: float) -> float:
    """What silu(act · g) · u is multiplied by."""
    both = torch.cat((LARGE / act * ONE, ONE), -1)
    return _asked(rules.gated(both)) / functional.silu(LARGE * ONE).item()


def _asked(answer: Tensor) -> float:
    return answer.item()
