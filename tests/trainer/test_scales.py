"""Scales: what is measured of activations, weights and gradients, and that measuring changes nothing."""

import pytest
import torch
from torch import nn

from worker.trainer.assembly.assemble import assemble
from worker.trainer.engine.loop import train as train_steps
from worker.trainer.engine.scales import Probe, _lost

TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"width": 32, "depth": 2, "context": 32},
    "budget": {"steps": 20},
}
MLP = {"task": "image-classification", "model": {"kind": "mlp"}, "budget": {"steps": 20}}


@pytest.mark.parametrize(
    ("spec", "layers"),
    [
        (TEXT, ["blocks.0.qkv", "blocks.1.down", "readout"]),
        ({**TEXT, "task": "masked-language-modeling"}, ["blocks.0.gate_up", "blocks.1.out", "readout"]),
        ({**TEXT, "model": {**TEXT["model"], "memory_length": 16}}, ["blocks.0.qkv", "readout"]),
        (MLP, ["0", "2", "4"]),
        ({**MLP, "model": {"kind": "convnet"}}, ["0", "3"]),
        ({**MLP, "model": {"kind": "linear"}}, ["0"]),
        ({"task": "regression", "dataset": "diabetes", "budget": {"steps": 20}}, ["0"]),
    ],
    ids=["decoder", "encoder", "memory", "mlp", "convnet", "linear", "line"],
)
def test_scales_of_every_layer_are_measured_and_change_nothing(train, scales_of, spec, layers):
    """Encoder-decoders, speech and a team's own modules: in test_pairs, test_speech and test_own_modules."""
    measured, plain = train({**spec, "diagnostics": {"scales_every": 5}})[0], train(spec)[0]

    found = scales_of(measured, plain)

    kinds = ("activation", "activation_gradient", "weight", "weight_gradient")
    assert {f"rms.{kind}.{layer}" for kind in kinds for layer in layers} <= found.keys()
    assert list(measured.points(f"rms.activation.{layers[0]}")["step"]) == [1, 5, 10, 15, 20]


def test_padding_does_not_count(train):
    """Of 16 × 16 numbers that a layer of 13 features takes, and 16 outputs, of which 10 are real."""
    record = train({**MLP, "model": {"kind": "mlp", "width": 13}, "diagnostics": {"scales_every": 20}})[0]

    for name, weight in record.weights().items():
        measured = record.points(f"rms.weight.{name.removesuffix('.weight')}")["value"][-1]
        assert measured == pytest.approx(weight.square().mean().sqrt().item(), rel=1e-5)


def test_layers_asked_twice_are_seen_twice_and_what_is_written_into_before_it_is():
    probe, twice = Probe(), nn.Linear(4, 4)
    layers = nn.Sequential(twice, nn.ReLU(inplace=True), twice)

    with probe.hooked(layers):
        layers(torch.randn(8, 4))
    seen = probe.told()

    assert list(seen) == ["0", "1", "0.2"]
    assert seen["0"].tensor.min() < 0 == seen["1"].tensor.min()
    assert probe.told() == {}


def test_unit_scaled_weights_and_activations_start_at_one(train):
    units = {"parametrization": "u-mup", "learning_rate": 1e-5}
    record = train({**TEXT, "units": units, "diagnostics": {"scales_every": 20}})[0]

    first = {key: record.points(key)["value"][0] for key in record.curves if key.startswith("rms.")}
    assert {key.split(".")[1] for key in first} == {"activation", "activation_gradient", "weight", "weight_gradient"}
    assert first["rms.weight.blocks.1.down"] == pytest.approx(1, abs=0.05)
    assert 0.5 < first["rms.activation.blocks.0.qkv"] < 1.5
    assert 0.3 < first["rms.weight_gradient.blocks.0.qkv"] < 4


def test_small_formats_lose_more_of_sps_gradients(train):
    lost = {}
    for name in ("sp", "u-mup"):
        record = train({**TEXT, "units": {"parametrization": name}, "diagnostics": {"scales_every": 20}})[0]
        lost[name] = record.points("lost.fp8.activation_gradient.blocks.0.out")["value"][0]

    assert lost["sp"] > 10 * lost["u-mup"]


@pytest.fixture
def assembled(a_lane, library):
    """All that a spec's training needs, where a few steps have been taken, and its next batch."""

    def run(spec, steps=3):
        assembly = assemble([a_lane({**spec, "diagnostics": {"scales_every": 1}}).spec], "cpu", library)
        batches = assembly.batches.start(1)
        train_steps(assembly.learner, batches, 1, steps, lambda _step, _losses: None)
        return assembly, next(assembly.batches.start(max(steps, 1)))

    return run


@pytest.mark.parametrize("parametrization", ["sp", "u-mup"])
@pytest.mark.parametrize("spec", [TEXT, MLP], ids=["decoder", "mlp"])
def test_of_a_batch_in_parts_one_part_is_measured_as_training_sees_it(assembled, spec, parametrization):
    """Its activations' gradients are those of the whole batch; what it adds to weights is a share."""
    units = {"batch_size": 32, "parametrization": parametrization}
    assembly, batch = assembled({**spec, "units": {**units, "micro_batch_size": 8}})
    other, _ = assembled({**spec, "units": units}, steps=0)
    layer = "blocks.1.out" if spec is TEXT else "2"
    for name, tensor in assembly.learner.weights.named.items():
        other.learner.weights.named[name].detach().copy_(tensor.detach())

    [part], [whole] = assembly.scales.measure(batch), other.scales.measure(batch)
    [alone] = other.scales.measure((batch[0][:, :8], batch[1][:, :8]))

    assert part[f"rms.activation.{layer}"] == pytest.approx(alone[f"rms.activation.{layer}"])
    gradient = f"rms.activation_gradient.{layer}"
    assert part[gradient] == pytest.approx(whole[gradient], rel=0.3)
    assert part[f"rms.weight_gradient.{layer}"] < whole[f"rms.weight_gradient.{layer}"]


def test_with_a_memory_scales_are_measured_of_what_is_remembered_which_stays(assembled):
    assembly, batch = assembled({**TEXT, "model": {**TEXT["model"], "memory_length": 16}})
    handed_on, key = assembly.memory.read(0), "rms.activation.blocks.0.out"

    [found] = assembly.scales.measure(batch)

    assert torch.equal(assembly.memory.read(0), handed_on)
    assert found == assembly.scales.measure(batch)[0]
    assembly.memory.turn(9, fresh=True)
    assert assembly.scales.measure(batch)[0][key] != found[key]


def test_each_lane_has_its_own_scales(train):
    specs = [{**TEXT, "seed": seed, "diagnostics": {"scales_every": 10}} for seed in (0, 1)]

    together = train(*specs)

    for spec, record in zip(specs, together, strict=True):
        alone = train(spec)[0].points("rms.weight.readout")["value"]
        assert record.points("rms.weight.readout")["value"] == pytest.approx(alone)


@pytest.mark.parametrize(
    ("dtype", "smallest", "largest"),
    [
        (torch.float8_e4m3fn, 2.0**-9, 448.0),
        (torch.float8_e5m2, 2.0**-16, 57_344.0),
        (torch.bfloat16, 2.0**-133, (2 - 2.0**-7) * 2.0**127),
        (torch.float16, 2.0**-24, 65_504.0),
    ],
    ids=["e4m3", "e5m2", "bf16", "fp16"],
)
def test_what_is_out_of_a_formats_range_is_lost(dtype, smallest, largest):
    """Half the smallest number is rounded to zero, what is a little more to the smallest; zeros were never there."""
    kept = torch.tensor([smallest, -smallest, smallest * 0.75, 1.0, largest, -largest])
    lost = torch.tensor([smallest / 2, -smallest / 2, smallest / 4, largest * 1.0001, -largest * 1.0001])
    numbers = torch.cat((kept, lost, torch.zeros(5)))

    assert _lost(torch.stack((numbers, torch.cat((kept[:1], torch.zeros(15))))), dtype) == [pytest.approx(5 / 11), 0]
    assert kept.to(dtype).double().count_nonzero() == 6
    assert lost[:3].to(dtype).double().count_nonzero() == 0


def test_the_first_step_tells_by_how_much_it_changed_what_the_readout_reads(train):
    changes = {}
    for name, rate in (("sp", 2**-8), ("u-mup", 1.0)):
        for width in (32, 128):
            units = {"parametrization": name, "learning_rate": rate}
            spec = {**TEXT, "model": {"width": width}, "units": units, "diagnostics": {"scales_every": 2}}
            curve = train({**spec, "budget": {"steps": 4}})[0].points("change.features")
            assert list(curve["step"]) == [1]
            changes[name, width] = curve["value"][0]

    assert changes["sp", 128] > 2 * changes["sp", 32]
    assert changes["u-mup", 128] == pytest.approx(changes["u-mup", 32], rel=0.4)
