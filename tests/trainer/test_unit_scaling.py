"""u-μP against the package `unit-scaling`, whose authors wrote the paper, and against the figures of unit scale."""

import math

import pytest
import torch
from torch.nn import functional
from unit_scaling.optim import lr_scale_func_adam
from unit_scaling.parameter import Parameter

from benchmarks.random_tokens import (
    CONTEXT,
    ONES,
    VOCABULARY,
    a_decoder,
    loss_and_gradients,
    loss_and_gradients_of_the_package,
    some_tokens,
)
from benchmarks.unit_scale import deviations
from unitscale.models.specs import Model
from unitscale.models.units import Alphas, Parametrization
from worker.trainer.assembly.blueprint import built, shapes_of
from worker.trainer.engine.scales import Probe
from worker.trainer.layers.attention import attention, mask
from worker.trainer.models.mlp import Mlp
from worker.trainer.tasks.text_generation import TextGeneration
from worker.trainer.units.operations import linear, true_gradients
from worker.trainer.units.plan import Plan
from worker.trainer.units.rules import UnitScaled
from worker.trainer.units.tables import Kind, Table, Weight

ODD = Alphas(ffn_act=1.5, attn_softmax=2.0, res=0.7, res_attn_ratio=1.3, loss_softmax=0.8)


@pytest.mark.parametrize("alphas", [Alphas(), ODD], ids=["ones", "odd"])
@pytest.mark.parametrize("depth", [1, 3])
def test_loss_and_gradients_are_those_of_the_package(depth, alphas):
    """On a CPU with AVX-512 gradients are at most 6.4e-7 apart, relative to their length."""
    decoder, weights, _ = a_decoder(depth=depth, alphas=(alphas,))

    losses, ours = loss_and_gradients(decoder, weights)
    expected, theirs = loss_and_gradients_of_the_package(weights, depth, alphas)

    assert losses.item() == pytest.approx(expected.item(), abs=1e-6)
    for name, gradient in ours.items():
        assert (gradient[0] - theirs[name]).norm() / theirs[name].norm() < 8e-7, name


def test_learning_rates_are_those_of_the_package():
    _, _, kinds = a_decoder(width=64, depth=4)
    theirs = {Kind.EMBEDDING: "weight", Kind.HIDDEN: "weight", Kind.READOUT: "output"}

    for weight in kinds.values():
        parameter = Parameter(torch.empty(weight.shape), theirs[weight.kind])
        parameter.mup_scaling_depth = 4 if weight.kind is Kind.HIDDEN else None
        expected = lr_scale_func_adam(parameter)
        assert Table(Parametrization.UMUP).rate(weight, "adamw") == pytest.approx(expected)


@pytest.mark.parametrize("width", [64, 256, 1024])
def test_linear_layers_keep_unit_scale(width):
    torch.manual_seed(0)
    weight, draws = Weight(Kind.HIDDEN, (width, width)), 2048 // width
    x, w = torch.randn(draws, 512, width, requires_grad=True), torch.randn(draws, width, width, requires_grad=True)

    y = linear(x, w, Table(Parametrization.UMUP).scales(weight, 512))
    y.backward(torch.randn_like(y))

    assert [tensor.std().item() for tensor in (y, x.grad, w.grad)] == pytest.approx([1, 1, 1], abs=0.01)


@pytest.mark.parametrize("width", [64, 256, 1024])
def test_what_is_read_out_falls_with_the_root_of_the_width(width):
    torch.manual_seed(0)
    weight = Weight(Kind.READOUT, (512, width))
    scales = Table(Parametrization.UMUP).scales(weight, 512)

    y = linear(torch.randn(1, 512, width), torch.randn(1, 512, width), scales)

    assert y.std().item() * math.sqrt(width) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("width", [64, 256])
def test_every_gradient_of_a_decoder_of_two_blocks_has_unit_scale(width):
    for kind, (ours, _) in deviations(width, depth=2, seeds=4).items():
        assert 0.8 < ours < 1.6, kind


def test_in_a_deeper_decoder_that_of_out_is_larger_as_it_is_in_the_package():
    deeper = deviations(64, depth=4, seeds=4)

    assert all(ours == pytest.approx(theirs, rel=1e-3) for ours, theirs in deeper.values())
    assert {kind for kind, (ours, _) in deeper.items() if not 0.8 < ours < 1.6} == {"out"}
    assert 1.6 < deeper["out"][0] < 2.2


@pytest.mark.parametrize("width", [64, 1024])
def test_every_gradient_of_a_perceptron_has_unit_scale(width):
    """What its layers put out and its weights get, from images of unit scale in 10 classes: of eight lanes, since one
    batch may have more of a class than another."""
    model, probe, draw = Model(kind="mlp", width=width, depth=2), Probe(), torch.Generator().manual_seed(0)
    kinds = Mlp().kinds(model, shapes_of(built(model, {"inputs": [64], "outputs": 10})))
    table, lanes = Table(Parametrization.UMUP), 8
    drawn = [table.draw(kinds, draw) for _ in range(lanes)]
    weights = {n: torch.stack([w[n].view(-1, k.shape[-1]) for w in drawn]).requires_grad_() for n, k in kinds.items()}
    perceptron = Mlp().lanes(Plan(model, kinds, table, ONES * lanes, torch.zeros(()), probe=probe))

    outputs = perceptron.outputs(weights, torch.randn(lanes, 128, 64, generator=draw))
    loss = lanes * functional.cross_entropy(outputs.flatten(0, 1), torch.randint(10, (lanes * 128,), generator=draw))
    layers = {name: seen.tensor for name, seen in probe.told().items()}
    tensors = {name: tensor for name, tensor in {**weights, **layers}.items() if "bias" not in name}

    for name, gradient in zip(tensors, torch.autograd.grad(loss, list(tensors.values())), strict=True):
        assert gradient.square().mean().sqrt().item() == pytest.approx(1, abs=0.1), name


def test_attention_keeps_unit_scale_where_tokens_are_unlike():
    """Tokens of a window grow alike with the depth, and a mean of like values does not shrink as the scale expects."""
    torch.manual_seed(0)
    rules = UnitScaled(ONES, 1, (CONTEXT, True), 16, torch.zeros(()))
    query, key, value = torch.randn(3, 64, CONTEXT, 16)
    hidden = mask(CONTEXT, CONTEXT, value)
    like = value[:, :1].expand_as(value)

    unlike, alike = (
        rules.mixed(attention(query * rules.query, key, each, hidden)).square().mean().sqrt() for each in (value, like)
    )

    assert unlike.item() == pytest.approx(1, abs=0.25)
    assert alike > 2.5 * unlike


@pytest.mark.parametrize("name", list(Parametrization))
def test_true_gradients_are_true(name):
    """Against finite differences along the gradient, those of unit scale where they are asked to be true."""
    decoder, weights, _ = a_decoder(width=32, depth=1, name=name, alphas=(ODD,))
    weights = {key: weight.detach().double().requires_grad_() for key, weight in weights.items()}
    with true_gradients():
        _, gradients = loss_and_gradients(decoder, weights)

    for key, gradient in gradients.items():
        size = 1e-3 * weights[key].detach().norm()
        small = size * gradient / gradient.norm()
        ahead, behind = (
            loss_and_gradients(decoder, {**weights, key: (weights[key].detach() + sign * small).requires_grad_()})[0]
            for sign in (1, -1)
        )
        assert ((ahead - behind) / (2 * size)).item() == pytest.approx(gradient.norm().item(), rel=1e-2), key


def test_first_logits_fall_with_the_root_of_the_width():
    scales = []
    for width in (64, 256):
        decoder, weights, _ = a_decoder(width=width)
        scales.append(decoder.outputs(weights, some_tokens()[0]).std().item())

    assert scales[0] / scales[1] == pytest.approx(2, rel=0.1)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # dynamo does it
def test_compiled_operations_compute_the_same():
    decoder, weights, _ = a_decoder(depth=1, alphas=(ODD,))
    inputs, targets = some_tokens()

    def losses(tokens):
        return TextGeneration().losses(decoder.outputs(weights, tokens), targets, VOCABULARY)

    eager, compiled = losses(inputs), torch.compile(losses, backend="aot_eager", fullgraph=True)(inputs)
    apart = [torch.autograd.grad(each.sum(), list(weights.values())) for each in (eager, compiled)]

    torch.testing.assert_close(compiled, eager)
    for one, other in zip(*apart, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_alphas_are_each_lanes_own():
    decoder, weights, _ = a_decoder(alphas=(Alphas(), ODD))
    alone, its_weights, _ = a_decoder(alphas=(ODD,))

    losses, gradients = loss_and_gradients(decoder, weights, lanes=2)
    loss, expected = loss_and_gradients(alone, its_weights)

    assert losses[1] == loss[0]
    assert all(torch.equal(gradients[name][1], gradient[0]) for name, gradient in expected.items())
