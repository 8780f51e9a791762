"""Lanes: a job in a group is, bit for bit, the job alone."""

import pytest
import torch

from worker.trainer.tuning.fusion_probe import FusionProbe

LINE = {"dataset": "linear", "units": {"batch_size": "full"}, "optimizer": {"name": "sgd"}, "budget": {"steps": 30}}
DIABETES = {"dataset": "diabetes", "budget": {"epochs": 2}}
DIGITS = {"task": "image-classification", "dataset": "digits", "budget": {"steps": 25}}
TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "data": {"fraction": 0.1},
    "model": {"width": 32, "depth": 2, "head_size": 8, "context": 24},
    "budget": {"steps": 8},
    "evaluation": {"every_steps": 4},
}


def with_lanes(spec, count):
    """`count` variants of a spec that differ in everything a lane may differ in."""
    sgd = spec.get("optimizer", {}).get("name") == "sgd"
    return [
        {
            **spec,
            "seed": lane // 2,
            "units": {**spec.get("units", {}), "learning_rate": 0.003 * (lane + 1)},
            "optimizer": {
                **spec.get("optimizer", {}),
                "weight_decay": 0.01 * (lane % 3),
                "clip_norm": [None, 0.5, 2.0][lane % 3],
                **({"momentum": [0.0, 0.9][lane % 2]} if sgd else {"betas": [0.9, 0.95 + 0.003 * (lane % 16)]}),
            },
            "schedule": {"name": ["constant", "cosine", "linear", "wsd"][lane % 4], "warmup_steps": lane},
        }
        for lane in range(count)
    ]


@pytest.mark.parametrize(
    "spec",
    [
        LINE,
        {**DIABETES, "model": {"kind": "mlp", "width": 13, "depth": 1}, "units": {"batch_size": 19}},
        {**TEXT, "model": {"width": 8, "depth": 1, "head_size": 4, "context": 5}, "units": {"batch_size": 3}},
    ],
)
def test_of_groups_of_any_size_every_lane_takes_the_steps_that_it_takes_alone(spec, a_lane, library):
    specs = [a_lane(each).spec for each in with_lanes(spec, 33)]
    probe = FusionProbe(specs, "cpu", library, None)
    alone = [probe._run([each], 3) for each in specs]

    for lanes in range(2, 34):
        together = probe._run(specs[:lanes], 3)
        assert [together.lane_is(lane, alone[lane]) for lane in range(lanes)] == [True] * lanes


def assert_same(alone, together):
    assert alone.ended.result is not None
    assert alone.curves == together.curves
    assert together.weights().keys() == alone.weights().keys()
    assert all(torch.equal(tensor, together.weights()[name]) for name, tensor in alone.weights().items())
    measured = {"train_loss", "val_loss", "metrics", "test_metrics"}
    assert alone.ended.result.model_dump(include=measured) == together.ended.result.model_dump(include=measured)


@pytest.mark.parametrize("count", [2, 5, 16])
@pytest.mark.parametrize(
    "spec",
    [
        LINE,
        {**LINE, "units": {"batch_size": 7}, "optimizer": {}},
        {**DIABETES, "optimizer": {"name": "sgd"}},
        {**DIABETES, "model": {"kind": "mlp", "width": 13, "depth": 1}},
        {**DIABETES, "model": {"kind": "mlp", "width": 50, "depth": 3}, "units": {"batch_size": 57}},
        {**DIGITS, "model": {"kind": "mlp", "width": 33}, "optimizer": {"name": "sgd"}},
        {**DIGITS, "model": {"kind": "linear"}, "units": {"batch_size": 101}},
        TEXT,
        {**TEXT, "optimizer": {"name": "sgd"}, "units": {"batch_size": 9}},
        {**TEXT, "units": {"parametrization": "mup", "base_width": 8}},
        {**TEXT, "model": {**TEXT["model"], "context": 256}, "units": {"batch_size": 6}, "budget": {"steps": 4}},
    ],
    ids=[
        "line",
        "line-rest",
        "diabetes-sgd",
        "mlp-13",
        "mlp-50",
        "digits-mlp",
        "digits-linear",
        "decoder",
        "decoder-sgd",
        "decoder-mup",
        "decoder-blocks",
    ],
)
def test_every_lane_is_bitwise_its_run_alone(train, spec, count):
    specs = with_lanes(spec, count)

    together = train(*specs)

    for lane in {0, 1, count // 2, count - 1}:
        assert_same(train(specs[lane])[0], together[lane])


def test_lanes_that_differ_in_alphas_are_bitwise_their_runs_alone(train):
    alphas = [{}, {"ffn_act": 1.7, "res": 0.5}, {"attn_softmax": 3.0, "res_attn_ratio": 2.0}, {"loss_softmax": 0.3}]
    specs = [{**TEXT, "units": {"parametrization": "u-mup", "alphas": each}} for each in alphas]

    together = train(*specs)

    for spec, record in zip(specs, together, strict=True):
        assert_same(train(spec)[0], record)


def test_lanes_of_one_seed_share_their_batches_and_nothing_else(train):
    specs = [{**DIABETES, "units": {"learning_rate": rate}} for rate in (0.001, 0.01, 0.1)]

    together = train(*specs)

    for spec, record in zip(specs, together, strict=True):
        assert_same(train(spec)[0], record)


def test_a_diverged_lane_disturbs_nobody(train):
    calm = {**LINE, "budget": {"steps": 400}}
    wild = {**calm, "units": {"batch_size": "full", "learning_rate": 50}}

    first, lost, last = train(calm, wild, {**calm, "seed": 1})

    assert lost.ended.reason.code == "diverged"
    assert_same(train(calm)[0], first)
    assert last.ended.result is not None


def test_a_diverged_lane_ends_at_its_first_loss_that_is_no_number(train):
    wild = {**LINE, "units": {"batch_size": "full", "learning_rate": 50}, "budget": {"steps": 5000}}

    alone, again = train(wild)[0], train({**LINE, "budget": {"steps": 5000}}, wild)[1]

    losses = alone.points("train_loss")["value"]
    last = int(alone.points("train_loss")["step"][-1])
    assert not torch.tensor(losses)[-1].isfinite()
    assert torch.tensor(losses)[:-1].isfinite().all()
    assert f"at step {last}." in alone.ended.reason.message
    assert again.curves == alone.curves


def test_a_lane_that_reaches_its_target_ends_and_the_others_go_on(train):
    spec = {**LINE, "budget": {"steps": 300}, "evaluation": {"every_steps": 10}}

    early, late = train({**spec, "budget": {"steps": 300, "target_loss": 1.0}}, spec)

    assert early.ended.result.stopped_by == "target_loss"
    assert early.ended.result.val_loss <= 1.0
    assert early.points("train_loss")["step"][-1] < 300
    assert late.points("train_loss")["step"][-1] == 300


def test_what_does_not_fit_together_is_impossible(train):
    records = train(LINE, {**LINE, "budget": {"steps": 31}})

    assert [record.ended.reason.code for record in records] == ["impossible", "impossible"]


def test_convnets_are_not_trained_together(train):
    records = train(DIGITS, DIGITS)

    assert records[0].ended.reason.code == "impossible"
