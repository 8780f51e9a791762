"""The noise scale: what is measured where it is known, and that measuring changes nothing."""

from dataclasses import replace
from math import inf, sqrt

import pytest
import torch

from benchmarks.noise import critical
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from unitscale.models.units import Alphas
from worker.trainer.assembly.assemble import assemble
from worker.trainer.engine.accumulation import Accumulation
from worker.trainer.engine.lengths import Coordinates, Lengths
from worker.trainer.engine.loop import Learner
from worker.trainer.engine.noise import Noise, spacing
from worker.trainer.engine.optimizer import optimizer
from worker.trainer.engine.ratios import ratio, student
from worker.trainer.engine.scaling import Scaled
from worker.trainer.engine.schedules import Rates
from worker.trainer.engine.tracks import PLAIN, Track
from worker.trainer.engine.weights import Weights
from worker.trainer.units.operations import true_gradients

TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "data": {"fraction": 0.1},
    "model": {"width": 32, "depth": 2, "context": 24},
    "budget": {"steps": 30},
}
DIGITS = {"task": "image-classification", "dataset": "digits", "budget": {"steps": 30}}
MLP = {**DIGITS, "model": {"kind": "mlp", "width": 32}}
FEATURES = 32
ONE = torch.ones(1)


def with_noise(spec, **units):
    return {**spec, "units": {**spec.get("units", {}), **units}, "diagnostics": {"noise_scale": True}}


def a_learner(micro=None, rule=None, losses=None, terms=None):
    """Learns one row of numbers, whose gradient is the mean of the rows of a batch, or that of the losses given."""
    spec = resolve(JobSpec.model_validate({"task": "regression", "optimizer": rule or {"name": "sgd"}}), "cpu")
    weights = Weights({"w": (8, FEATURES // 8)}, 1, side=None, device="cpu")
    there = weights.named["w"]
    found = losses or (lambda batch, _parts=1: (batch[0].mean(1) * there.flatten()).sum(1))
    learns = optimizer(weights, [spec], Rates([1e-9], [spec.schedule], 1000, "cpu"))
    parts = Accumulation(found, micro, terms=terms) if micro else None
    lengths = Lengths(weights, [spec], learns, {"w": Coordinates()})
    return Learner(weights, found, learns, parts, Noise(weights, found, parts, lengths, 1, terms))


def measured(learner, batches) -> Track:
    for step, batch in enumerate(batches, 1):
        learner.weights.take(learner.gradients_at(step, batch, ONE)[1])
        learner.optimizer.step(step)
    return learner.noise.tracks[0]


def rows(signal, noise, batch, count, seed=0):
    """Batches of rows around a mean, each number of which has a deviation of its own."""
    generator = torch.Generator().manual_seed(seed)
    return [(signal + noise * torch.randn(1, batch, FEATURES, generator=generator),) * 2 for _ in range(count)]


def pooled(tracks, pair):
    """Mean noise over mean signal of many runs: without the bias of a ratio, and nearly without noise."""
    noise, signal = (sum(row[place] for track in tracks for row in track.measurements[10:]) for place in pair)
    return noise / signal


@pytest.mark.parametrize(("batch", "micro"), [(16, None), (9, None), (16, 2), (20, 7), (2, None), (16, 16)])
def test_the_noise_scale_is_found_where_it_is_known_and_its_interval_holds_it(batch, micro):
    signal, noise = torch.full((FEATURES,), 0.4), torch.linspace(0.1, 2, FEATURES)
    known = (noise.square().sum() / signal.square().sum()).item()

    tracks = [measured(a_learner(micro), rows(signal, noise, batch, 40, seed)) for seed in range(60)]

    held = [low <= known <= high for _, low, high in (track.estimates()[PLAIN] for track in tracks)]
    assert pooled(tracks, (0, 1)) == pytest.approx(known, rel=0.1)
    assert sum(held) >= 0.85 * len(held)


def test_the_noise_scale_of_a_linear_regression_is_the_analytic_one():
    """At w = 0, ∂ = −2xy with y = ax + σε:  |G|² = 4|a|²,  tr Σ = 4((D + 1)|a|² + Dσ²)."""
    generator, deviation = torch.Generator().manual_seed(5), 3.0
    slope = torch.randn(FEATURES, generator=generator) / sqrt(FEATURES)
    known = FEATURES + 1 + FEATURES * deviation**2 / slope.square().sum().item()

    def a_batch():
        x, noise = (torch.randn(1, 64, size, generator=generator) for size in (FEATURES, 1))
        return x, x @ slope.unsqueeze(1) + deviation * noise

    def losses(batch, _parts=1):
        inputs, targets = batch
        return (inputs @ learner.weights.named["w"].view(-1, 1) - targets).square().mean((1, 2))

    learner = a_learner(losses=losses)

    value, low, high = measured(learner, [a_batch() for _ in range(300)]).estimates()[PLAIN]

    assert low < known < high
    assert value == pytest.approx(known, rel=0.15)


@pytest.mark.parametrize("micro", [None, 8])
def test_halves_count_by_their_terms_where_examples_have_more_or_fewer(micro):
    """Rows whose first number says how many terms each stands for."""
    batch = rows(torch.full((FEATURES,), 0.3), torch.ones(FEATURES), 16, 1)[0]
    held = torch.arange(1.0, 17)
    batch[0][0, :, 0] = held

    def losses(part, _parts=1):
        weighted = (part[0] * part[0][..., :1]).sum(1) / part[0][..., :1].sum(1)
        return (weighted * learner.weights.named["w"].flatten()).sum(1)

    learner = a_learner(micro, losses=losses, terms=lambda targets: targets[..., 0].sum())

    measurement = measured(learner, [batch]).measurements[0]

    share = held[:8].sum() / held.sum()
    first, second = (
        (part * weight.unsqueeze(1)).sum(0) / weight.sum()
        for part, weight in zip(batch[0][0].split(8), held.split(8), strict=True)
    )
    whole = share * first + (1 - share) * second
    of_parts = share * first.square().sum() + (1 - share) * second.square().sum()
    assert measurement.signal == pytest.approx((2 * whole.square().sum() - of_parts).item(), rel=1e-4)


def test_the_scale_of_a_loss_leaves_the_noise_scale_alone():
    batches = rows(torch.full((FEATURES,), 0.3), torch.ones(FEATURES), 16, 3)
    for micro in (None, 8):
        plain, scaled = a_learner(micro), a_learner(micro)
        scaled = replace(scaled, scaled=Scaled(scaled.weights, scaled.optimizer))

        found = [measured(learner, batches).measurements for learner in (plain, scaled)]

        assert [row[:2] for row in found[1]] == [pytest.approx(row[:2], rel=1e-5) for row in found[0]]


def test_no_signal_has_an_infinite_noise_scale():
    track = measured(a_learner(), rows(torch.zeros(FEATURES), torch.ones(FEATURES), 8, 40))

    _, low, high = track.estimates()[PLAIN]
    assert low > 5
    assert high == inf
    assert f"{PLAIN}_high" not in track.points()


def test_the_preconditioned_scale_weighs_numbers_as_adamw_does():
    noise = torch.logspace(-3, 1, FEATURES)
    signal = 0.4 * noise.sqrt()

    tracks = [
        measured(a_learner(rule={"name": "adamw", "betas": [0.9, 0.99]}), rows(signal, noise, 16, 100, seed))
        for seed in range(20)
    ]

    share = (signal.square() + noise.square() / 16).rsqrt()
    known = ((share * noise.square()).sum() / (share * signal.square()).sum()).item()
    plain = (noise.square().sum() / signal.square().sum()).item()
    assert pooled(tracks, (2, 3)) == pytest.approx(known, rel=0.1)
    assert pooled(tracks, (0, 1)) == pytest.approx(plain, rel=0.1)
    assert known < 0.7 * plain


@pytest.mark.parametrize("name", ["mup", "u-mup"])
@pytest.mark.parametrize("micro", [None, 16])
def test_a_function_has_one_noise_scale_under_every_parametrization(a_lane, library, name, micro):
    scaled, plain = (
        assemble(
            [a_lane(with_noise(MLP, parametrization=each, batch_size=50, micro_batch_size=micro)).spec], "cpu", library
        )
        for each in (name, "sp")
    )
    plain.learner.weights.write(0, scaled.finished(0))

    found = []
    for assembly in (scaled, plain):
        assembly.learner.gradients_at(3, next(assembly.batches.start(1)), ONE)
        found.append(assembly.learner.noise.tracks[0].measurements[0])

    assert found[0].noise == pytest.approx(found[1].noise, rel=1e-4)
    assert found[0].signal == pytest.approx(found[1].signal, rel=1e-4)


@pytest.mark.parametrize("task", ["text-generation", "masked-language-modeling"])
def test_scaled_gradients_are_the_true_ones_times_numbers(a_lane, library, task):
    """Of every weight, at a batch size other than that at which the numbers were found, whatever the alphas."""
    odd = Alphas(ffn_act=1.5, attn_softmax=2.0, res=0.7, res_attn_ratio=1.3, loss_softmax=0.8).model_dump()
    spec = {**TEXT, "task": task}
    specs = [a_lane(with_noise(spec, parametrization="u-mup", alphas=each)).spec for each in ({}, odd)]
    learner, batches, *_ = assemble(specs, "cpu", library)
    batch, lengths = next(batches.start(1)), learner.noise._lengths

    found = learner.gradients(batch, torch.ones(2))[1]
    with true_gradients():
        true = learner.gradients(batch, torch.ones(2))[1]

    for name, scaled, slope, (_, where) in zip(learner.weights.named, found, true, lengths._leaves, strict=True):
        expected = slope * (where.distortion * sqrt(batch[0].shape[1])).view(2, 1, 1)
        assert (scaled - expected).norm() < 1e-4 * scaled.norm(), name
        assert not torch.equal(scaled, slope)


@pytest.mark.parametrize(
    "spec",
    [
        {**TEXT, "units": {"parametrization": "u-mup"}},
        {**TEXT, "units": {"micro_batch_size": 12, "precision": "bf16-mixed"}},
        {**TEXT, "units": {"precision": "fp8-simulated", "parametrization": "u-mup"}},
        {**TEXT, "optimizer": {"clip_norm": 0.5}, "batch_schedule": {"name": "ramp"}},
        {**MLP, "optimizer": {"name": "sgd", "momentum": 0.9}},
        DIGITS,
        {**TEXT, "task": "masked-language-modeling", "units": {"parametrization": "u-mup"}},
        {"task": "regression", "dataset": "linear", "units": {"batch_size": "full"}},
        {**TEXT, "model": {**TEXT["model"], "memory_length": 24}, "units": {"parametrization": "u-mup"}},
    ],
    ids=["u-mup", "parts", "fp8", "ramp", "sgd", "convnet", "masked", "full", "memory"],
)
def test_measuring_noise_changes_nothing(train, spec):
    noisy = train(with_noise(spec))[0]

    plain = train(spec)[0]

    assert {key: plain.curves[key] for key in plain.curves} == {key: noisy.curves[key] for key in plain.curves}
    assert len(noisy.points("noise_scale")) > 5
    assert plain.ended.result.noise is None
    assert noisy.ended.result.noise_scale == pytest.approx(noisy.points("noise_scale")["value"][-1])
    assert noisy.ended.result.noise.low < noisy.ended.result.noise_scale
    assert 0 < noisy.ended.result.noise.share_of_training < 1


def test_each_lane_has_its_own_noise(train):
    units = ({}, {"alphas": {"res": 0.5}}, {"learning_rate": 0.1})
    specs = [
        {
            **with_noise(TEXT, parametrization="u-mup", **each),
            "seed": seed,
            "optimizer": {"betas": [0.9, 0.99 + 0.001 * seed]},
        }
        for seed, each in enumerate(units)
    ]

    together = train(*specs)

    for spec, record in zip(specs, together, strict=True):
        assert len(record.points("noise_scale_preconditioned")) > 5
        assert train(spec)[0].curves == record.curves


def test_batches_of_one_have_no_noise_scale(train):
    record = train({**with_noise(DIGITS, batch_size=1), "model": {"kind": "linear"}})[0]

    assert record.ended.result.noise.measurements == 0
    assert record.ended.result.noise_scale is None
    assert "noise_scale" not in record.curves


@pytest.mark.parametrize(("steps", "every"), [(1, 1), (30, 3), (100, 10), (1999, 10), (10**6, 5000)])
def test_a_run_is_measured_about_every_tenth_step_and_not_too_often(steps, every):
    assert spacing(steps) == every


def test_ratios_of_few_measurements_have_no_bounds():
    assert ratio([(2.0, 1.0), (4.0, 2.0)]) == (2.0, 0.0, inf)


@pytest.mark.parametrize(("freedom", "quantile"), [(3, 3.182), (5, 2.571), (10, 2.228), (100, 1.984)])
def test_students_quantiles(freedom, quantile):
    assert student(freedom) == pytest.approx(quantile, rel=0.01)


def test_a_critical_batch_size_is_found_where_it_is_known():
    sizes = (8, 32, 128, 512)

    assert critical(sizes, [13 * (1 + 200 / size) for size in sizes]) == pytest.approx((13, 200), rel=0.01)
