"""A decoder on random tokens: ours, and one put together from the operations of the package `unit-scaling`."""

from collections.abc import Mapping, Sequence

import torch
import unit_scaling.functional as reference
from torch import Tensor
from unit_scaling.core.functional import transformer_residual_scaling_rule

from unitscale.models.specs import Model
from unitscale.models.units import Alphas, Parametrization
from worker.trainer.assembly.blueprint import built, shapes_of
from worker.trainer.layers.attention import angles, rotated
from worker.trainer.layers.decoder import Decoder
from worker.trainer.models.transformer import Transformer
from worker.trainer.tasks.text_generation import TextGeneration
from worker.trainer.units.operations import Casts
from worker.trainer.units.plan import Plan
from worker.trainer.units.tables import Table, Weight

VOCABULARY, BATCH, CONTEXT, HEAD = 40, 8, 32, 16
ONES = (Alphas(),)

Weights = Mapping[str, Tensor]


def a_decoder(
    width: int = 64,
    depth: int = 2,
    name: Parametrization = Parametrization.UMUP,
    alphas: Sequence[Alphas] = ONES,
    casts: Casts | None = None,
    seed: int = 3,
) -> tuple[Decoder, dict[str, Tensor], dict[str, Weight]]:
    """A decoder and its first weights, one lane for each alphas."""
    model = Model(kind="transformer", width=width, depth=depth, head_size=HEAD, context=CONTEXT)
    kinds = Transformer().kinds(model, shapes_of(built(model, {"inputs": [CONTEXT], "outputs": VOCABULARY})))
    table = Table(name)
    drawn = table.draw(kinds, torch.Generator().manual_seed(seed))
    weights = {key: torch.stack([w] * len(alphas)).requires_grad_() for key, w in drawn.items()}
    return Transformer().lanes(Plan(model, kinds, table, tuple(alphas), torch.zeros(()), casts)), weights, kinds


def some_tokens(lanes: int = 1) -> tuple[Tensor, Tensor]:
    """Windows, and what follows each token of them."""
    tokens = torch.randint(VOCABULARY, (1, BATCH, CONTEXT + 1), generator=torch.Generator().manual_seed(1))
    return tokens[..., :-1].expand(lanes, -1, -1), tokens[..., 1:].expand(lanes, -1, -1)


def loss_and_gradients(decoder: Decoder, weights: Weights, lanes: int = 1) -> tuple[Tensor, dict[str, Tensor]]:
    """Losses (K,), and the gradient of each weight."""
    inputs, targets = some_tokens(lanes)
    losses = TextGeneration().losses(decoder.outputs(weights, inputs), targets, VOCABULARY)
    return losses, dict(zip(weights, torch.autograd.grad(losses.sum(), list(weights.values())), strict=True))


def loss_and_gradients_of_the_package(
    weights: Weights, depth: int, alphas: Alphas = ONES[0]
) -> tuple[Tensor, dict[str, Tensor]]:
    """The same of a decoder of the package's operations, with copies of the only lane's weights."""
    copied = {name: weight[0].detach().clone().requires_grad_() for name, weight in weights.items()}
    loss = _loss(copied, depth, alphas)
    return loss, dict(zip(copied, torch.autograd.grad(loss, list(copied.values())), strict=True))


def _loss(weights: Weights, depth: int, alphas: Alphas) -> Tensor:
    inputs, targets = some_tokens()
    turned = angles(0, CONTEXT, HEAD, "cpu")
    rule = transformer_residual_scaling_rule(alphas.res, alphas.res_attn_ratio)

    def attend(x: Tensor, qkv: Tensor, out: Tensor) -> Tensor:
        query, key, value = reference.linear(x, qkv, None).view(BATCH, CONTEXT, 3, -1, HEAD).permute(2, 0, 3, 1, 4)
        query, key = rotated(query, turned), rotated(key, turned)
        mixed = reference.scaled_dot_product_attention(query, key, value, is_causal=True, mult=alphas.attn_softmax)
        return reference.linear(mixed.transpose(1, 2).flatten(2), out, None)

    def feed_forward(x: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
        gate, up = (reference.linear(x, half, None, constraint=None) for half in gate_up.chunk(2))
        return reference.linear(reference.silu_glu(up, gate, mult=alphas.ffn_act), down, None, constraint=None)

    x = reference.embedding(inputs[0], weights["embedding.weight"])
    for number in range(depth):
        for index, (layer, names) in enumerate(((attend, ("qkv", "out")), (feed_forward, ("gate_up", "down")))):
            tau = rule(2 * number + index, 2 * depth)
            branch, skip = reference.residual_split(x, tau)
            matrices = (weights[f"blocks.{number}.{name}.weight"] for name in names)
            x = reference.residual_add(layer(reference.rms_norm(branch, branch.shape[-1:]), *matrices), skip, tau)
    logits = reference.linear_readout(reference.rms_norm(x, x.shape[-1:]), weights["readout.weight"], None)
    return reference.cross_entropy(logits.flatten(0, 1), targets.flatten(), mult=alphas.loss_softmax)
