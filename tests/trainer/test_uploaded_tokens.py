"""Texts that come as tokens: checked, learned from, continued by their own tokenizer."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from unitscale.models.specs import TaskName
from worker.pipe import Ask, Check
from worker.trainer.checks.check import check
from worker.trainer.data import uploaded
from worker.trainer.inference.predict import answer

TEXT = "Im Anfang war das Wort, und das Wort war da.\n太初有道。\n" * 200
SPEC = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"width": 32, "depth": 1, "context": 16},
    "units": {"learning_rate": 0.01, "batch_size": 8},
    "budget": {"steps": 200},
}


@pytest.fixture(scope="module")
def tokenizer():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        [TEXT], trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    )
    return made


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    def run(**members: bytes):
        folder = tmp_path_factory.mktemp("tokens")
        with zipfile.ZipFile(folder / "upload", "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in members.items():
                packed.writestr(name.replace("__", "."), content)
        order = Check(dataset="d", folder=str(folder), format=".zip", task=TaskName.TEXT_GENERATION)
        return check(order), folder

    return run


def parts(tokenizer, kind="<u2", **changed) -> dict[str, bytes]:
    tokens = np.array(tokenizer.encode(TEXT).ids, kind)
    half, ending = len(tokens) // 2, "u4__bin" if kind == "<u4" else "bin"
    files = {f"b__{ending}": tokens[half:].tobytes(), f"a__{ending}": tokens[:half].tobytes()}
    return files | {"tokenizer__json": tokenizer.to_str().encode()} | changed


@pytest.mark.parametrize("kind", ["<u2", "<u4"])
def test_tokens_are_kept_in_the_order_of_their_files(checked, tokenizer, kind):
    found, folder = checked(**parts(tokenizer, kind))
    kept = load_file(folder / "prepared-1" / uploaded.TENSORS)

    assert found.problem is None
    assert tokenizer.decode(kept["tokens"].tolist()) == TEXT
    assert (found.contents.rows, found.contents.tokens) == (2, len(kept["tokens"]))
    assert sum(found.contents.splits.sizes) == found.contents.volume.training_tokens + 2 * found.contents.splits.test


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"tokenizer__json": b"{}"}, "none of the library"),
        ({"tokenizer__json": b"\xff"}, "not UTF-8"),
        ({"a__bin": b"123"}, "no multiple of 2"),
        ({"a__bin": np.array([1, 2, 9999], "<u2").tobytes()}, "Token 3 of 'a.bin' is 9999"),
        ({"a__bin": b"\0" * 200_000_000}, "bomb"),
        ({"../x__bin": b"\0\0"}, "escapes"),
        ({"x/tokenizer__json": b"{}"}, "one tokenizer.json"),
    ],
)
def test_what_is_no_text_of_tokens_is_refused_and_leaves_nothing(checked, tokenizer, changed, why):
    found, folder = checked(**parts(tokenizer) | changed)

    assert why in found.problem
    assert [file.name for file in folder.iterdir()] == ["upload"]


@pytest.mark.parametrize(
    ("words", "unknown", "why"),
    [
        ({}, "?", "no tokens"),
        ({"the": 0, "quick": 1}, "nope", "cannot read every text"),
    ],
    ids=["empty", "without-its-unknown"],
)
def test_a_tokenizer_that_cannot_read_a_text_is_refused(checked, words, unknown, why):
    made = Tokenizer(models.WordLevel(words, unk_token=unknown))
    tokens = np.zeros(200, "<u2").tobytes()

    found, folder = checked(a__bin=tokens, tokenizer__json=made.to_str().encode())

    assert why in found.problem
    assert [file.name for file in folder.iterdir()] == ["upload"]


def test_tokens_alone_and_a_tokenizer_alone_are_refused(checked, tokenizer):
    whole = parts(tokenizer)

    assert "one tokenizer.json" in checked(a__bin=whole["a__bin"])[0].problem
    assert "no .bin file" in checked(tokenizer__json=whole["tokenizer__json"])[0].problem


def test_a_model_of_tokens_counts_bits_by_character_and_writes_text(checked, tokenizer, train, a_lane, record_of):
    _, folder = checked(**parts(tokenizer))
    [record] = train(record_of(a_lane(SPEC).model_copy(update={"dataset": str(folder)})))
    assert record.ended.result is not None, record.ended.reason
    metrics, artifacts = record.ended.result.test_metrics, f"{record.lane.folder}/artifacts"
    answered = answer(Ask(ask="a", folder=artifacts, inputs=("Im Anfang war das", ""), sampling={"max_tokens": 8}))
    wrong = answer(Ask(ask="a", folder=artifacts, inputs=("x", 3)))

    bits_of_a_token = np.log2(metrics["perplexity"])
    tokens = len(tokenizer.encode(TEXT).ids)
    assert metrics["bits_per_character"] == pytest.approx(bits_of_a_token * tokens / len(TEXT), rel=0.05)
    assert metrics["bits_per_character"] < 1
    assert answered.outputs[0].startswith(" Wort")
    assert wrong.fields == (("/inputs/1", "must be a text"),)
    assert json.loads(tokenizer.to_str()) == json.loads(Path(artifacts, "tokenizer.json").read_text())


def test_a_model_that_fills_masks_learns_from_the_same_tokens(checked, tokenizer, train, a_lane, record_of):
    _, folder = checked(**parts(tokenizer))
    spec = {**SPEC, "task": "masked-language-modeling"}
    [record] = train(record_of(a_lane(spec).model_copy(update={"dataset": str(folder)})))
    ask = Ask(ask="a", folder=str(Path(record.lane.folder) / "artifacts"), inputs=("das[MASK] war da",))

    assert record.ended.reason is None
    assert record.ended.result.val_loss < record.points("train_loss")["value"][0]
    assert "[MASK]" not in answer(ask).outputs[0]
