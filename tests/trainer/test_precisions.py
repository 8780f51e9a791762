"""Number formats and accumulation: fewer bits still learn, and parts of a batch are the batch."""

import pytest
import torch
from torch.nn import functional

from unitscale.errors import Unsupported
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from worker.trainer.assembly.assemble import assemble

TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"width": 32, "depth": 2, "context": 32},
    "budget": {"steps": 60},
}
DIGITS = {"task": "image-classification", "dataset": "digits", "budget": {"epochs": 4}}
MLP = {**DIGITS, "model": {"kind": "mlp", "width": 24}}


def with_units(spec, **units):
    return {**spec, "units": {**spec.get("units", {}), **units}}


@pytest.mark.parametrize("precision", ["bf16", "bf16-mixed", "fp8-simulated"])
@pytest.mark.parametrize("name", ["sp", "u-mup"])
def test_a_decoder_learns_in_fewer_bits(train, precision, name):
    whole, fewer = (
        train(with_units(TEXT, precision=each, parametrization=name))[0].ended.result for each in ("fp32", precision)
    )

    assert fewer.val_loss != whole.val_loss
    assert fewer.val_loss < whole.val_loss + 0.7


@pytest.mark.parametrize(
    ("kind", "precision"),
    [("mlp", "bf16"), ("mlp", "bf16-mixed"), ("mlp", "fp8-simulated"), ("linear", "bf16"), ("convnet", "bf16-mixed")],
)
def test_images_are_read_in_fewer_bits(train, kind, precision):
    record = train(with_units({**DIGITS, "model": {"kind": kind}}, precision=precision))[0]

    assert record.ended.result.metrics["accuracy"] > 0.85
    assert {weight.dtype for weight in record.weights().values()} == {torch.float32}


@pytest.mark.parametrize("precision", ["tf32", "fp16-mixed", "fp8"])
def test_what_needs_a_gpu_is_refused_with_what_runs_here(precision):
    with pytest.raises(Unsupported) as refused:
        resolve(JobSpec.model_validate(with_units(MLP, precision=precision)), "cpu")

    assert refused.value.fields[0][0] == "/units/precision"
    assert "GPU" in refused.value.message


@pytest.mark.parametrize(
    "spec",
    [
        with_units(TEXT, batch_size=24, micro_batch_size=8),
        with_units(TEXT, batch_size=20, micro_batch_size=8, parametrization="u-mup"),
        with_units(MLP, batch_size=50, micro_batch_size=16, parametrization="u-mup"),
        with_units(DIGITS, batch_size=50, micro_batch_size=20),
    ],
    ids=["decoder", "decoder-u-mup-rest", "mlp-u-mup-rest", "convnet-rest"],
)
def test_parts_of_a_batch_have_its_loss_and_gradients(a_lane, library, spec):
    (loss, gradients), (expected, of_all) = (
        gradients_of(assemble([a_lane(each).spec], "cpu", library))
        for each in (spec, with_units(spec, micro_batch_size=None))
    )

    torch.testing.assert_close(loss, expected)
    for mine, other in zip(gradients, of_all, strict=True):
        assert (mine - other).norm() < 1e-5 * other.norm() + 1e-9


def gradients_of(assembly):
    return assembly.learner.gradients(next(assembly.batches.start(1)), torch.ones(1))


@pytest.mark.parametrize("name", ["mup", "u-mup"])
def test_an_mlp_is_left_as_plain_layers(train, library, name):
    """Multipliers are folded into the weights that a job leaves."""
    record = train(with_units(MLP, parametrization=name))[0]
    evaluator, weights = assemble([record.lane.spec], "cpu", library).validation, record.weights()

    x = evaluator._inputs[0]
    for layer in (0, 2, 4):
        x = functional.linear(x.relu() if layer else x, weights[f"{layer}.weight"], weights[f"{layer}.bias"])

    accuracy = (x.argmax(1) == evaluator._targets[0]).double().mean().item()
    assert accuracy == pytest.approx(record.ended.result.metrics["accuracy"])
