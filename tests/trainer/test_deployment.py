"""Deployment: what a trained model costs in each number format, and what it still is."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from unitscale.models import specs
from unitscale.models.formats import Format, weights_file
from unitscale.models.predictions import Sampling
from unitscale.models.units import Alphas, Units
from worker.pipe import Ask, Points, Train
from worker.trainer.assembly.assemble import assemble
from worker.trainer.assembly.blueprint import built, shapes_of, table_of
from worker.trainer.catalog import MODELS
from worker.trainer.deployment import layers
from worker.trainer.deployment.decoder import Cache
from worker.trainer.deployment.measuring import deployments
from worker.trainer.deployment.memory import peak_bytes
from worker.trainer.deployment.serving import file_of, model_of
from worker.trainer.inference.predict import answer
from worker.trainer.layers.decoder import Cache as LanesCache
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs.group import train_group
from worker.trainer.units.plan import Plan

ALL = list(Format)
SMALL = [form for form in Format if form is not Format.FP32]
EVALUATION = {"evaluation": {"formats": ALL}}
TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"width": 64, "depth": 2, "head_size": 16, "context": 32},
    "budget": {"steps": 60},
}
MLP = {"dataset": "diabetes", "model": {"kind": "mlp"}}
DIGITS = {"task": "image-classification", "budget": {"epochs": 3}}
REMEMBERING = TEXT | {"model": {**TEXT["model"], "memory_length": 16}, "units": {"parametrization": "u-mup"}}
KINDS = {
    "linear": {"dataset": "linear"},
    "mlp": MLP,
    "convnet": DIGITS,
    "transformer": TEXT,
    "transformer with memory": REMEMBERING,
    "encoder": TEXT | {"task": "masked-language-modeling", "units": {"parametrization": "u-mup"}},
}
ALPHAS = {"ffn_act": 0.7, "attn_softmax": 1.3, "res": 0.8, "res_attn_ratio": 1.4, "loss_softmax": 1.7}


def folder_of(record) -> Path:
    return Path(record.lane.folder) / "artifacts"


@pytest.fixture(scope="module", params=KINDS)
def measured(request, train_once):
    return train_once(KINDS[request.param] | EVALUATION)


def test_every_asked_format_is_measured(measured):
    found = measured.ended.result.deployment

    assert [form.format for form in found] == ALL
    for form in found:
        assert form.bytes == (folder_of(measured) / weights_file(Format(form.format))).stat().st_size
        assert 0 < form.latency_ms.p50 <= form.latency_ms.p95
        assert form.examples_per_second > 0
        assert form.peak_memory_bytes > 0
        assert form.metrics.keys() == measured.ended.result.metrics.keys()


def test_fp32_is_worth_what_was_trained(measured):
    fp32 = measured.ended.result.deployment[0]

    assert fp32.metrics == pytest.approx(measured.ended.result.metrics, rel=1e-4)


def test_fewer_bits_cost_little_quality(measured):
    fp32, *small = measured.ended.result.deployment

    for form in small:
        assert form.metrics == pytest.approx(fp32.metrics, rel=0.05)


def test_fewer_bits_are_other_numbers(measured):
    files = [load_file(folder_of(measured) / weights_file(form)) for form in ALL]

    assert files[1].keys() == files[0].keys()
    assert {tensor.dtype for tensor in files[1].values()} == {torch.bfloat16}
    for file in files[2:]:
        assert torch.int8 in {tensor.dtype for tensor in file.values()}
        assert {name for name in file if name.endswith(".scale")}


@pytest.mark.parametrize("form", SMALL)
def test_a_file_of_few_bits_is_smaller(train_once, form):
    fp32, *small = train_once(TEXT | EVALUATION).ended.result.deployment
    bytes_of = {found.format: found.bytes for found in small}

    assert bytes_of[form] < (0.52 if form is Format.BF16 else 0.31) * fp32.bytes


def test_a_text_model_says_how_fast_it_writes(train_once):
    for form in train_once(TEXT | EVALUATION).ended.result.deployment:
        assert form.first_token_ms > 0
        assert form.decode_tokens_per_second > 0


def test_only_text_models_write(train_once):
    for form in train_once(MLP | EVALUATION).ended.result.deployment:
        assert form.first_token_ms is None
        assert form.decode_tokens_per_second is None


def test_where_no_format_is_asked_for_fp32_is_left_and_not_measured(train):
    record = train({"dataset": "linear"})[0]

    (form,) = record.ended.result.deployment
    assert (form.format, form.bytes) == ("fp32", (folder_of(record) / "model.safetensors").stat().st_size)
    assert form.latency_ms is None
    assert record.ended.result.price is None


def test_fp32_alone_is_measured_where_it_is_asked_for(train):
    record = train({"dataset": "linear", "evaluation": {"formats": ["fp32"]}})[0]

    (form,) = record.ended.result.deployment
    assert form.latency_ms.p50 > 0
    assert form.examples_per_second > 0
    assert form.peak_memory_bytes > 0
    assert form.metrics == pytest.approx(record.ended.result.metrics, rel=1e-4)


def test_every_file_is_an_artifact(measured):
    assert {weights_file(form) for form in ALL} <= {artifact.name for artifact in measured.ended.artifacts}


@pytest.mark.parametrize("form", ALL)
def test_any_format_can_be_asked(train_once, form):
    record = train_once(MLP | EVALUATION)
    rows = ([59, 2, 32.1, 101, 157, 93.2, 38, 4, 4.86, 87], [48, 1, 21.6, 87, 183, 103.2, 70, 3, 3.89, 69])

    exact, asked = (
        answer(Ask(ask="a", folder=str(folder_of(record)), inputs=rows, format=each)).outputs for each in (ALL[0], form)
    )

    assert asked == pytest.approx(exact, rel=0.05)
    assert (asked == exact) is (form is Format.FP32)


@pytest.mark.parametrize("form", ALL)
def test_any_format_sees_an_image(train_once, form):
    folder = str(folder_of(train_once(DIGITS | EVALUATION)))
    images = ([[(row * column) % 17 for row in range(8)] for column in range(8)],)

    [exact], [asked] = (
        answer(Ask(ask="a", folder=folder, inputs=images, format=each)).outputs for each in (ALL[0], form)
    )

    assert asked["probabilities"] == pytest.approx(exact["probabilities"], abs=0.05)
    assert (asked == exact) is (form is Format.FP32)


@pytest.mark.parametrize("form", ALL)
def test_any_format_fills_a_mask(train_once, form):
    folder = str(folder_of(train_once(KINDS["encoder"] | EVALUATION)))

    [filled] = answer(Ask(ask="a", folder=folder, inputs=("the s[MASK]all ",), format=form)).outputs

    assert (len(filled), filled[:5], filled[6:]) == (10, "the s", "all ")


@pytest.mark.parametrize("form", ALL)
def test_any_format_writes_text(train_once, form):
    folder = str(folder_of(train_once(TEXT | EVALUATION)))

    answered = answer(Ask(ask="a", folder=folder, inputs=("the ",), format=form, sampling=Sampling(max_tokens=40)))

    assert len(answered.outputs[0]) == 40


def test_the_metrics_of_every_format_can_be_measured_again(train):
    spec = TEXT | {"budget": {"steps": 20}} | EVALUATION

    one, other = (record.ended.result.deployment for record in (train(spec)[0], train(spec)[0]))

    assert [form.metrics for form in one] == [form.metrics for form in other]


def test_lanes_are_measured_one_by_one(train):
    one, other = train(*({"dataset": "linear", "seed": seed} | EVALUATION for seed in (1, 2)))

    for record in (one, other):
        assert record.ended.result.deployment[0].metrics == pytest.approx(record.ended.result.metrics, rel=1e-4)


def test_a_job_that_is_to_stop_is_measured_no_further(train):
    spec = TEXT | {"budget": {"steps": 5}} | EVALUATION

    def leave_at_the_end(message):
        return "leave" if isinstance(message, Points) and message.step == 5 else None

    result = train(spec, wish=leave_at_the_end)[0].ended.result

    assert [form.format for form in result.deployment] == ALL
    assert all(form.bytes and form.latency_ms is None and not form.metrics for form in result.deployment)


def test_a_format_that_cannot_answer_leaves_the_others_measured(train_once, library, capfd):
    record = train_once(MLP | EVALUATION)
    config = json.loads((folder_of(record) / "config.json").read_text())
    files = {form: load_file(folder_of(record) / weights_file(form)) for form in (Format.FP32, Format.INT8)}
    del files[Format.INT8]["0.scale"]
    evaluator = assemble([record.lane.spec], "cpu", library).validation

    fp32, int8 = deployments(files, {weights_file(form): 1 for form in files}, evaluator, config, None, lambda: False)

    assert fp32.metrics == pytest.approx(record.ended.result.metrics, rel=1e-4)
    assert int8.latency_ms is None
    assert "0.scale" in capfd.readouterr().err


def a_transformer(units: dict, **sizes: int):
    config = {
        "model": {"kind": "transformer", "width": 64, "depth": 3, "head_size": 16, "context": 32, **sizes},
        "outputs": 90,
        "inputs": [32],
        "units": units,
    }
    model, units = specs.Model.model_validate(config["model"]), Units.model_validate(units)
    kinds = MODELS["transformer"].kinds(model, shapes_of(built(model, config)))
    table = table_of(units, model)
    weights = MODELS["transformer"].start(kinds, table, torch.Generator().manual_seed(0))
    plan = Plan(model, kinds, table, (units.alphas or Alphas(),), weights["readout.weight"])
    return config, weights, MODELS["transformer"].lanes(plan)


UNITS = [
    {"parametrization": "sp"},
    {"parametrization": "mup", "base_width": 24},
    {"parametrization": "u-mup"},
    {"parametrization": "u-mup", "alphas": ALPHAS},
]


@pytest.mark.parametrize("units", UNITS)
def test_the_served_decoder_is_the_one_that_was_trained(units):
    config, weights, lanes = a_transformer(units)
    tokens = torch.randint(0, 90, (2, 32), generator=torch.Generator().manual_seed(1))

    served = model_of(file_of(weights, config, Format.FP32), config, Format.FP32)(tokens)

    with torch.no_grad():
        trained = lanes.outputs({name: weight[None] for name, weight in weights.items()}, tokens[None])[0]
    torch.testing.assert_close(served / trained.std(), trained / trained.std(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("form", ALL)
def test_what_is_kept_stands_for_what_was_read(form):
    config, weights, _ = a_transformer(UNITS[0])
    model = model_of(file_of(weights, config, form), config, form)
    tokens = torch.randint(0, 90, (2, 32), generator=torch.Generator().manual_seed(1))
    cache = Cache()

    steps = [model.next(part, cache) for part in (tokens[:, :5], *tokens[:, 5:].split(1, 1))]

    whole = model(tokens)[:, 4:]
    near = 1e-4 if form is Format.FP32 else 0.3  # of a standard deviation; activations are rounded at other places
    torch.testing.assert_close(torch.stack(steps, 1) / whole.std(), whole / whole.std(), rtol=0, atol=near)


def test_a_text_longer_than_the_context_is_remembered_by_its_end():
    """The window slides: what a token sees is what the training code sees, which keeps the latest keys and values."""
    config, weights, lanes = a_transformer(UNITS[0], depth=2)
    model = model_of(file_of(weights, config, Format.FP32), config, Format.FP32)
    tokens = torch.randint(0, 90, (1, 80), generator=torch.Generator().manual_seed(1))
    ours, theirs, laned = Cache(), LanesCache(), {name: weight[None] for name, weight in weights.items()}

    for part in (tokens[:, :20], *tokens[:, 20:].split(1, 1)):
        next_ones = model.next(part, ours)
        with torch.no_grad():
            expected = lanes.outputs(laned, part[None], cache=theirs)[0, :, -1]

    torch.testing.assert_close(next_ones, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 8, 9, 64])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(64, 40), (10, 7), (1, 1)])
def test_layers_of_few_bits_are_near_the_exact_ones(rows, bias, size):
    (inputs, outputs), generator = size, torch.Generator().manual_seed(rows)
    x, w = torch.randn(rows, inputs, generator=generator), torch.randn(outputs, inputs, generator=generator)
    b = torch.randn(outputs, generator=generator) if bias else None
    exact = torch.nn.functional.linear(x, w, b)
    few = layers.quantized(w)
    bf16 = layers.Bf16Linear(w.bfloat16(), None if b is None else b.bfloat16())

    in_int8 = (kind(*few, b) for kind in (layers.DynamicLinear, layers.RowwiseLinear, layers.WeightOnlyLinear))
    for layer in (*in_int8, bf16):
        assert (layer(x) - exact).square().mean() < 4e-4 * exact.square().mean()


def test_weights_may_lie_anywhere_in_a_file():
    generator = torch.Generator().manual_seed(0)
    few, scale = layers.quantized(torch.randn(33, 64, generator=generator))
    uneven = torch.empty(few.numel() + 1, dtype=torch.int8)[1:].view(few.shape).copy_(few)
    x = torch.randn(1, 64, generator=generator)

    assert layers.WeightOnlyLinear(uneven, scale, None)(x).equal(layers.WeightOnlyLinear(few, scale, None)(x))


def test_a_row_of_zeros_stays_zero():
    few, scale = layers.quantized(torch.zeros(8, 16))

    assert not few.any()
    assert scale.isfinite().all()


@pytest.mark.parametrize("formats", [["fp32"], ALL])
def test_training_has_its_price(a_lane, record_of, library, ear, formats):
    record = record_of(a_lane({"dataset": "linear", "evaluation": {"formats": formats}}))
    interrupt = Interrupt()

    train_group(Train(lanes=(record.lane,), price_per_device_hour=7200.0), ear([record], interrupt), interrupt, library)

    said = [message for message in record.said if isinstance(message, Points)]
    result = record.ended.result
    assert said[-1].training_seconds * 2 <= result.price
    for form in result.deployment:
        assert form.price_per_million == pytest.approx(1e6 / form.examples_per_second * 2)


def test_the_peak_is_what_is_held_at_a_time():
    x = torch.zeros(1000)

    assert 8000 <= peak_bytes(lambda: ((x + 1) + 1) + 1, x) < 8100
