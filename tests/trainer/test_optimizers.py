"""Optimizers and schedules against torch's own."""

import pytest
import torch

from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from unitscale.models.units import Schedule
from worker.trainer.engine.optimizer import optimizer
from worker.trainer.engine.schedules import Rates, factor
from worker.trainer.engine.weights import Weights

STEPS = 40


def updates(rule: dict) -> torch.Tensor:
    """A lane's weights after some steps along fixed gradients."""
    spec = resolve(JobSpec.model_validate({"task": "regression", "optimizer": rule}), "cpu")
    weights = Weights({"w": (8, 8)}, 2, side=8, device="cpu")
    weights.write(1, {"w": torch.ones(8, 8)})
    ours = optimizer(weights, [spec, spec], Rates([0.5, 0.03], [Schedule()] * 2, STEPS, "cpu"))
    for step, gradient in enumerate(gradients(), 1):
        weights.take((gradient.expand(2, 8, 8),))
        ours.step(step)
    return weights.read(1)["w"]


def gradients() -> torch.Tensor:
    return torch.randn(STEPS, 8, 8, generator=torch.Generator().manual_seed(0))


def torch_updates(kind, clip_norm=None, **rule) -> torch.Tensor:
    weight = torch.nn.Parameter(torch.ones(8, 8))
    theirs = kind([weight], lr=0.03, **rule)
    for gradient in gradients():
        weight.grad = gradient.clone()
        if clip_norm:
            torch.nn.utils.clip_grad_norm_([weight], clip_norm)
        theirs.step()
    return weight.detach()


@pytest.mark.parametrize("clip_norm", [None, 3.0])
@pytest.mark.parametrize("rule", [{}, {"momentum": 0.9}, {"momentum": 0.5, "weight_decay": 0.1}])
def test_sgd_is_torchs(rule, clip_norm):
    ours = updates({"name": "sgd", "clip_norm": clip_norm, **rule})

    torch.testing.assert_close(ours, torch_updates(torch.optim.SGD, clip_norm, **rule), atol=1e-6, rtol=1e-6)


def shrink(parametrization: str, rate: float) -> dict[str, float]:
    """By what one step without a gradient multiplies weights whose rate is the job's, and a quarter of it."""
    units = {"learning_rate": rate, "parametrization": parametrization}
    words = {"model": {"kind": "mlp"}, "units": units, "optimizer": {"name": "adamw", "weight_decay": 0.01}}
    spec = resolve(JobSpec.model_validate({"task": "regression", **words}), "cpu")
    weights = Weights({"whole": (8, 8), "quarter": (8, 8)}, 1, side=8, device="cpu")
    weights.values.fill_(1.0)
    rates = Rates([rate], [Schedule()], STEPS, "cpu")
    optimizer(weights, [spec], rates, {"whole": 1.0, "quarter": 0.25}).step(1)
    return {name: weight.mean().item() for name, weight in weights.read(0).items()}


def test_weight_decay_is_independent_of_the_learning_rate_under_u_mup_and_not_under_sp():
    for rate in (0.5, 0.125):
        assert shrink("u-mup", rate) == pytest.approx({"whole": 0.99, "quarter": 0.99}, rel=1e-6)
        assert shrink("sp", rate) == pytest.approx({"whole": 1 - 0.01 * rate, "quarter": 1 - 0.0025 * rate}, rel=1e-6)


@pytest.mark.parametrize("clip_norm", [None, 3.0])
@pytest.mark.parametrize("rule", [{}, {"betas": (0.8, 0.95), "eps": 1e-6}, {"weight_decay": 0.2}])
def test_adamw_is_torchs(rule, clip_norm):
    ours = updates({"name": "adamw", "clip_norm": clip_norm, **rule})

    torch.testing.assert_close(
        ours, torch_updates(torch.optim.AdamW, clip_norm, **{"weight_decay": 0.0, **rule}), atol=1e-6, rtol=1e-6
    )


def test_warmup_rises_to_the_plateau():
    schedule = Schedule(warmup_steps=4)

    assert [factor(schedule, step, 10) for step in range(1, 6)] == [0.25, 0.5, 0.75, 1.0, 1.0]


@pytest.mark.parametrize("name", ["linear", "cosine", "wsd"])
def test_schedules_fall_to_their_final_fraction(name):
    share = {"decay_fraction": 0.2} if name == "wsd" else {}
    schedule = Schedule(name=name, warmup_steps=10, final_fraction=0.1, **share)

    rates = [factor(schedule, step, 100) for step in range(10, 101)]

    assert rates[0] == pytest.approx(1)
    assert rates[-1] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True)


def test_cosine_is_half_way_in_the_middle():
    assert factor(Schedule(name="cosine", final_fraction=0.2), 50, 100) == pytest.approx(0.6)


def test_wsd_is_flat_until_its_decay():
    schedule = Schedule(name="wsd", final_fraction=0.0, decay_fraction=0.25)

    assert [factor(schedule, step, 100) for step in (1, 75)] == [1, 1]
    assert factor(schedule, 76, 100) < 1


def test_rates_follow_their_schedule_over_many_stretches():
    rates = Rates([2.0], [Schedule(name="linear", final_fraction=0.0)], 5000, "cpu")

    assert rates.floats(2500) == [1.0]
    assert rates.column(5000).item() == 0
    assert rates.floats(1)[0] == pytest.approx(2 * (1 - 1 / 5000))


def test_the_rate_falls_when_the_loss_no_longer_does():
    rates = Rates([1.0], [Schedule(name="plateau", factor=0.5, patience=1, final_fraction=0.2)], 100, "cpu")

    heard = []
    for step, loss in enumerate([3.0, 2.0, 2.5, 2.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], 1):
        rates.hear(0, loss)
        heard.append(rates.floats(step)[0])

    assert heard == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]


def test_a_rate_follows_the_batch_where_it_is_asked_to(train):
    spec = {"dataset": "diabetes", "units": {"batch_size": 64, "learning_rate": 0.1}, "budget": {"steps": 40}}
    ramp = {"name": "ramp", "initial_batch_size": 16, "ramp_steps": 20, "rate_follows": "root"}

    record = train({**spec, "batch_schedule": ramp, "evaluation": {"every_steps": 1}})[0]

    rates = record.points("learning_rate")["value"]
    assert rates[0] == pytest.approx(0.05)
    assert rates[-1] == pytest.approx(0.1)
    assert [message for message in record.said if message.say == "points"][-1].examples == 2056


def test_state_that_was_saved_with_more_padding_is_read():
    shapes = {"weight": (1, 3), "bias": (1,)}
    saved, now = Weights(shapes, 1, 8, "cpu"), Weights(shapes, 1, 1, "cpu")
    numbers = {"weight": torch.tensor([[1.0, 2.0, 3.0]]), "bias": torch.tensor([4.0])}
    saved.write(0, numbers)

    now.values[0] = now.fitted(saved.values[0])

    assert len(saved.values[0]) > len(now.values[0])
    assert all(torch.equal(now.read(0)[name], tensor) for name, tensor in numbers.items())
