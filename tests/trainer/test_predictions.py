"""Predictions, and the weights as anybody can use them."""

import base64
import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from unitscale.models.predictions import Sampling
from worker.pipe import Ask
from worker.trainer.data import cache, digits
from worker.trainer.inference import predict
from worker.trainer.inference.predict import answer

DIGITS = {"task": "image-classification", "budget": {"epochs": 2}}


def ask(record, *inputs):
    return answer(Ask(ask="a", folder=str(Path(record.lane.folder) / "artifacts"), inputs=inputs))


@pytest.fixture
def images(library) -> list:
    return cache.load(library, "digits", digits.make)["inputs"][:3].tolist()


def test_regression_answers_in_the_units_of_the_data(train):
    record = train({"dataset": "linear"})[0]

    assert ask(record, 0.0, [1.0]).outputs == pytest.approx((1, 3), abs=0.1)


def test_probabilities_sum_to_one(train, images):
    outputs = ask(train(DIGITS)[0], *images).outputs

    for output in outputs:
        assert sum(output["probabilities"].values()) == pytest.approx(1)
        assert output["probabilities"][str(output["label"])] == max(output["probabilities"].values())


def test_a_png_is_the_same_image(train, images):
    record = train(DIGITS)[0]
    pixels = bytes(round(pixel * 255 / 16) for row in images[0] for pixel in row)
    Image.frombytes("L", (8, 8), pixels).save(file := io.BytesIO(), "PNG")

    listed, drawn = ask(record, images[0], base64.b64encode(file.getvalue()).decode()).outputs

    assert drawn["probabilities"] == pytest.approx(listed["probabilities"], abs=0.02)


@pytest.mark.parametrize("wrong", [[1.0, 2.0], "text", None, {}, [[1.0]], True, 10**400, float("nan")])
def test_a_wrong_row_is_named(train, wrong):
    answered = ask(train({"dataset": "linear", "budget": {"steps": 1}})[0], 1.0, wrong)

    assert answered.outputs is None
    assert [pointer for pointer, _ in answered.fields] == ["/inputs/1"]


@pytest.mark.parametrize(
    "wrong", [[[1.0] * 7] * 8, [[1.0] * 8] * 7, 3.0, "no base64!", "aGVsbG8=", None, [[1], [2, 3]]]
)
def test_a_wrong_image_is_named(train, images, wrong):
    answered = ask(train({**DIGITS, "budget": {"steps": 1}})[0], images[0], wrong)

    assert answered.outputs is None
    assert [pointer for pointer, _ in answered.fields] == ["/inputs/1"]


def test_an_image_of_sixteen_bits_is_refused_before_it_is_cut_off_at_white(train, images):
    record = train({**DIGITS, "budget": {"steps": 1}})[0]
    Image.frombytes("I;16", (8, 8), bytes(range(128))).save(file := io.BytesIO(), "PNG")

    answered = ask(record, images[0], base64.b64encode(file.getvalue()).decode())

    assert [pointer for pointer, _ in answered.fields] == ["/inputs/1"]
    assert "8 bits a channel" in answered.fields[0][1]


@pytest.mark.parametrize(
    ("spec", "rows"),
    [
        ({"dataset": "linear", "budget": {"steps": 9}}, [[0.5], [-2.0]]),
        (
            {"dataset": "diabetes", "model": {"kind": "mlp", "width": 13}, "budget": {"steps": 9}},
            [[50.0] * 10, [2.0] * 10],
        ),
        ({**DIGITS, "model": {"kind": "mlp"}}, "images"),
        (DIGITS, "images"),
    ],
    ids=["linear", "mlp", "digits-mlp", "convnet"],
)
def test_the_documented_snippet_predicts_the_same(train, documented, images, spec, rows):
    record = train(spec)[0]
    rows = images if rows == "images" else rows

    printed = documented(Path(record.lane.folder) / "artifacts", "predict", rows)

    outputs = ask(record, *rows).outputs
    expected = [list(output["probabilities"].values()) if isinstance(output, dict) else output for output in outputs]
    torch.testing.assert_close(torch.tensor(printed).squeeze(), torch.tensor(expected), rtol=1e-4, atol=1e-5)


TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"width": 32, "depth": 2, "context": 32},
    "budget": {"steps": 60},
}


def write(record, *inputs, **sampling):
    folder = str(Path(record.lane.folder) / "artifacts")
    return answer(Ask(ask="a", folder=folder, inputs=inputs, sampling=Sampling(**sampling)))


@pytest.mark.parametrize("name", ["sp", "mup", "u-mup"])
def test_a_text_is_continued(train, name):
    record = train({**TEXT, "units": {"parametrization": name}})[0]

    one, other = write(record, "the small ", "", max_tokens=50).outputs

    assert len(one) == len(other) == 50
    assert set(one + other) <= set(
        json.loads((Path(record.lane.folder) / "artifacts/config.json").read_text())["alphabet"]
    )


def test_the_same_seed_writes_the_same(train):
    record = train(TEXT)[0]

    assert write(record, "the ", seed=1).outputs == write(record, "the ", seed=1).outputs
    assert write(record, "the ", seed=1).outputs != write(record, "the ", seed=2).outputs


def test_no_temperature_and_one_choice_are_the_likeliest(train):
    record = train(TEXT)[0]

    assert write(record, "the ", temperature=0).outputs == write(record, "the ", top_k=1, seed=5).outputs
    assert write(record, "the ", temperature=0).outputs == write(record, "the ", temperature=1e-300).outputs


@pytest.mark.parametrize("name", ["sp", "u-mup"])
def test_what_is_kept_changes_nothing(train, name):
    """Token by token, with keys and values kept, the same as reading the whole text each time."""
    record = train({**TEXT, "units": {"parametrization": name}})[0]
    writer, config = predict._load(str(Path(record.lane.folder) / "artifacts"))
    prompt = torch.tensor([config["alphabet"].index(character) for character in "the small lane "])

    (kept,) = writer.continued([prompt], Sampling(temperature=0, max_tokens=17))

    for _ in range(17):
        logits = writer.model(prompt.view(1, -1))[0, -1]
        prompt = torch.cat((prompt, logits.argmax().view(1)))
    assert kept == prompt[-17:].tolist()


@pytest.mark.parametrize("wrong", [3, None, ["the"], "naïve"])
def test_what_is_no_text_of_the_alphabet_is_named(train, wrong):
    answered = write(train({**TEXT, "budget": {"steps": 1}})[0], "the", wrong)

    assert [pointer for pointer, _ in answered.fields] == ["/inputs/1"]


def test_more_texts_than_can_be_continued_in_time_are_refused(train):
    folder = str(Path(train({**TEXT, "budget": {"steps": 1}})[0].lane.folder) / "artifacts")

    answered = answer(Ask(ask="a", folder=folder, inputs=("the ",) * 1024))

    assert [pointer for pointer, _ in answered.fields] == ["/sampling/max_tokens"]


def test_sampling_belongs_to_models_that_write(train):
    answered = write(train({"dataset": "linear", "budget": {"steps": 1}})[0], 1.0)

    assert [pointer for pointer, _ in answered.fields] == ["/sampling"]


def test_the_documented_snippet_reads_a_text_the_same(train, documented):
    folder, text = Path(train(TEXT)[0].lane.folder) / "artifacts", "the small lane "
    writer, config = predict._load(str(folder))
    tokens = torch.tensor([[config["alphabet"].index(character) for character in text]])

    printed = torch.tensor(documented(folder, "logits", text))

    torch.testing.assert_close(printed, writer.model(tokens)[0], rtol=1e-4, atol=1e-4)
