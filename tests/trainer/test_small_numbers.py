"""Formats of GPUs, as far as a CPU can tell: products of bytes, scaled losses, TF32 by name alone."""

import pytest
import torch

from unitscale.models.specs import JobSpec
from unitscale.models.units import Precision
from worker.pipe import Train
from worker.trainer.engine.optimizer import SGD
from worker.trainer.engine.precision import NUMBERS, choose_products, in_bytes
from worker.trainer.engine.scaling import FIRST, PATIENCE, Scaled
from worker.trainer.engine.schedules import Rates
from worker.trainer.engine.weights import Weights
from worker.trainer.process.abilities import find
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs.group import train_group
from worker.trainer.units.operations import linear

TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "data": {"fraction": 0.2},
    "model": {"width": 32, "depth": 1, "context": 32},
    "budget": {"steps": 40},
    "evaluation": {"every_steps": 10},
}


@pytest.fixture
def trained(train, a_lane, record_of):
    """Trains specs in a format that no CPU is offered for."""

    def run(precision, *specs, **wishes):
        lanes = [a_lane(spec) for spec in specs]
        units = [lane.spec.units.model_copy(update={"precision": Precision(precision)}) for lane in lanes]
        specs = [lane.spec.model_copy(update={"units": each}) for lane, each in zip(lanes, units, strict=True)]
        records = [record_of(lane.model_copy(update={"spec": s})) for lane, s in zip(lanes, specs, strict=True)]
        return train(*records, **wishes)

    return run


@pytest.mark.parametrize(("lanes", "rows", "wide", "out"), [(1, 32, 16, 48), (2, 21, 24, 8), (3, 1, 40, 56)])
def test_a_product_of_bytes_is_the_simulated_one(lanes, rows, wide, out):
    draw = torch.Generator().manual_seed(0)
    x, w = torch.randn(lanes, rows, wide, generator=draw), torch.randn(lanes, out, wide, generator=draw)
    slope, scales = torch.randn(lanes, rows, out, generator=draw), (0.25, 0.5, 2.0)

    found = []
    for casts in (NUMBERS[Precision.FP8_SIMULATED].casts, in_bytes(torch.float32)):
        leaves = [tensor.clone().requires_grad_() for tensor in (x, w)]
        y = linear(*leaves, scales, casts)
        found.append((y, *torch.autograd.grad(y, leaves, slope)))

    for simulated, real in zip(*found, strict=True):
        torch.testing.assert_close(real, simulated, rtol=1e-5, atol=1e-5)


def test_what_is_too_large_for_a_byte_is_its_largest():
    x, w = torch.full((1, 16, 16), 1e6), torch.eye(16)[None]

    assert linear(x, w, casts=in_bytes(torch.float32)).unique().tolist() == [448.0]


@pytest.mark.parametrize("name", ["sp", "u-mup"])
def test_a_decoder_of_bytes_learns_like_a_simulated_one(trained, name):
    spec = {**TEXT, "units": {"parametrization": name}}

    [[real], [simulated]] = [trained(precision, spec) for precision in ("fp8", "fp8-simulated")]

    assert real.ended.result is not None, real.ended.reason
    assert real.ended.result.val_loss == pytest.approx(simulated.ended.result.val_loss, abs=0.03)
    assert {tensor.dtype for tensor in real.weights().values()} == {torch.float32}


def test_fp16_learns_and_its_scale_goes_on_where_it_stood(trained, train):
    [whole] = trained("fp16-mixed", TEXT)
    [first] = trained("fp16-mixed", TEXT, wish=lambda message: "pause" if message.say == "started" else None)
    [again] = train(first.next_record())

    assert whole.ended.result.val_loss < whole.points("val_loss")["value"][0]
    assert first.stopped is not None
    assert again.curves == whole.curves
    saved = torch.load(f"{first.lane.folder}/{first.saved.folder}/state.pt", weights_only=True)["optimizer"]
    assert saved["loss_scale"].item() <= FIRST
    assert saved["good_steps"].item() <= first.saved.step


def test_lanes_of_scaled_losses_are_bitwise_their_runs_alone(trained):
    specs = [{**TEXT, "units": {"learning_rate": rate}} for rate in (0.003, 0.01)]

    together = trained("fp16-mixed", *specs)

    for spec, record in zip(specs, together, strict=True):
        assert trained("fp16-mixed", spec)[0].curves == record.curves


def scaled_sgd(lanes):
    weights = Weights({"w": (32,)}, lanes, side=8, device="cpu")
    specs = [_spec() for _ in range(lanes)]
    rates = Rates([0.1] * lanes, [spec.schedule for spec in specs], 10, "cpu")
    return weights, Scaled(weights, SGD(weights, specs, rates, {}))


def _spec():
    return JobSpec.model_validate({"task": "regression", "optimizer": {"name": "sgd", "momentum": 0.9}})


def test_a_lane_whose_gradient_is_no_number_skips_the_step_alone():
    weights, update = scaled_sgd(3)
    weights.gradients.fill_(FIRST)
    weights.gradients[1, 5] = float("inf")

    update.step(1)

    assert weights.values[:, 0].tolist() == pytest.approx([-0.1, 0.0, -0.1])
    assert update.state["velocity"][1].abs().max() == 0
    assert update.scale.tolist() == [FIRST, FIRST / 2, FIRST]


def test_a_scale_grows_again_after_many_good_steps():
    weights, update = scaled_sgd(1)
    weights.gradients.fill_(float("nan"))
    update.step(1)
    for step in range(PATIENCE):
        assert update.scale.item() == FIRST / 2
        weights.gradients.zero_()
        update.step(1 + step % 10)

    assert update.scale.item() == FIRST


def test_tf32_is_taken_where_it_is_asked_for_by_name():
    chosen = []
    for precision in (Precision.TF32, Precision.FP32, Precision.BF16_MIXED):
        choose_products(precision)
        chosen.append((torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision))

    assert chosen == [("tf32", "tf32"), ("ieee", "ieee"), ("ieee", "ieee")]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "bf16-mixed", "fp16-mixed", "fp8", "fp8-simulated"])
def test_a_gpu_learns_in_every_format_that_it_offers(precision, a_lane, record_of, library, tmp_path):
    if precision not in find(library, ["cuda:0"]).abilities.precisions:
        pytest.skip(f"this GPU has no {precision}")
    lane = a_lane(TEXT)
    units = lane.spec.units.model_copy(update={"precision": Precision(precision)})
    record = record_of(lane.model_copy(update={"spec": lane.spec.model_copy(update={"units": units})}))

    class Ear:
        say = staticmethod(record.hear)

    train_group(Train(devices=("cuda:0",), lanes=(record.lane,)), Ear(), Interrupt(), library)

    losses = record.points("val_loss")["value"]
    assert record.ended.result is not None, record.ended.reason
    assert losses[-1] < losses[0]
