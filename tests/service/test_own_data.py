"""A team's own data: uploaded, checked by a worker, trained on, asked."""

import base64
import io
import pickle
import random
import time
import wave
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from benchmarks.chaos.stack import until
from unitscale.errors import DatasetInUse
from unitscale.models.datasets import DatasetState
from unitscale.models.jobs import State

LARGE = 2_000_000


def a_table(folder: Path, name: str = "häuser.csv") -> Path:
    """price = 3 · größe − 2 · 面積 + 1"""
    draw = random.Random(0)  # noqa: S311  # no secret
    rows = [(draw.gauss(0, 1), draw.gauss(0, 1)) for _ in range(200)]
    lines = [f"{a},{3 * a - 2 * b + 1},{b}" for a, b in rows]
    file = folder / name
    file.write_text("\n".join(["größe,price,面積", *lines]), encoding="utf-8")
    return file


def a_large_table(folder: Path) -> Path:
    """A file whose check takes seconds."""
    file = folder / "large.csv"
    file.write_text("a,b,c\n" + "".join(f"{n},{n * n},{n / 7}\n" for n in range(LARGE)))
    return file


def test_a_table_is_uploaded_trained_on_and_asked(client, tmp_path):
    sent = client.upload(a_table(tmp_path), "regression", target="price")
    dataset = client.checked(sent.id)
    spec = {"task": "regression", "dataset": dataset.id, "units": {"learning_rate": 0.1}, "budget": {"epochs": 100}}
    job = client.wait(client.submit(spec).id)

    assert (dataset.state, dataset.rows, dataset.name) == (DatasetState.READY, 200, "häuser.csv")
    assert dataset.contents.columns == ("größe", "面積")
    assert job.state is State.SUCCEEDED
    assert job.result.test_metrics["r2"] > 0.99
    assert client.predict(job.id, [[0.0, 0.0], [1.0, 1.0]]).outputs == pytest.approx([1, 2], abs=0.1)


def test_a_parquet_table_is_trained_on(client, tmp_path):
    numbers = np.random.default_rng(0).normal(size=(200, 2))
    columns = {"größe": numbers[:, 0], "price": numbers @ [3, -2] + 1, "面積": numbers[:, 1]}
    parquet.write_table(pa.table(columns), tmp_path / "häuser.parquet")
    dataset = client.checked(client.upload(tmp_path / "häuser.parquet", "regression", target="price").id)
    spec = {"task": "regression", "dataset": dataset.id, "units": {"learning_rate": 0.1}, "budget": {"epochs": 100}}
    job = client.wait(client.submit(spec).id)

    assert dataset.contents.columns == ("größe", "面積")
    assert job.result.test_metrics["r2"] > 0.99


def test_colour_images_with_named_classes_are_learned(client, tmp_path):
    dataset = client.checked(client.upload(pictures(tmp_path), "image-classification").id)
    spec = {"task": "image-classification", "dataset": dataset.id, "budget": {"epochs": 10}}
    job = client.wait(client.submit(spec).id)

    assert dataset.contents.classes == ("blau", "赤")
    assert job.state is State.SUCCEEDED, job.reason
    assert client.predict(job.id, [[[[250, 10, 10]] * 6] * 5]).outputs[0]["label"] == "赤"


def pictures(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "p.zip", "w") as packed:
        for number in range(40):
            for place, name in enumerate(("赤", "blau")):
                colour = [number, number, number]
                colour[2 * place] = 255
                Image.new("RGB", (6, 5), tuple(colour)).save(file := io.BytesIO(), "PNG")
                packed.writestr(f"bilder/{name}/{number}.png", file.getvalue())
    return folder / "p.zip"


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("/tmp/unpickled-by-unitscale"),))  # noqa: S108


def test_an_archive_that_leaves_its_folder_is_invalid(client, tmp_path, stack):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("a/../../escaped.png", b"x")

    dataset = client.checked(client.upload(tmp_path / "x.zip", "image-classification").id)

    assert dataset.state is DatasetState.INVALID
    assert "escaped.png" in dataset.reason.message
    until(lambda: not (stack.folder / "datasets" / dataset.id).exists(), what="the file to be forgotten")
    assert not list(stack.folder.rglob("*escaped*"))


def test_nothing_is_ever_unpickled(client, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as packed:
        for name in ("images.npy", "labels.npy"):
            file = io.BytesIO()
            np.lib.format.write_array(file, np.array([None] * 20), allow_pickle=True)
            packed.writestr(name, file.getvalue() + pickle.dumps(Evil()))

    dataset = client.checked(client.upload(tmp_path / "x.npz", "image-classification").id)

    assert dataset.state is DatasetState.INVALID
    assert "pickled" in dataset.reason.message
    assert not Path("/tmp/unpickled-by-unitscale").exists()  # noqa: S108


def test_a_data_set_in_use_stays(client, tmp_path):
    dataset = client.checked(client.upload(a_table(tmp_path), "regression").id)
    job = client.submit({"task": "regression", "dataset": dataset.id, "budget": {"steps": 1_000_000}})

    with pytest.raises(DatasetInUse):
        client.delete_dataset(dataset.id)
    client.cancel(job.id)
    client.wait(job.id)
    client.delete_dataset(dataset.id)


def test_a_check_outlives_the_death_of_its_processes(client, stack, tmp_path):
    dataset = client.upload(a_large_table(tmp_path), "regression")
    time.sleep(0.2)
    for process in stack.side():
        with suppress(psutil.NoSuchProcess):
            process.kill()
    killed = client.dataset(dataset.id).state

    assert killed is DatasetState.CHECKING
    assert client.checked(dataset.id).state is DatasetState.READY


def test_a_leaving_worker_gives_its_check_back(client, stack, tmp_path):
    dataset = client.upload(a_large_table(tmp_path), "regression")
    time.sleep(0.5)
    mains = stack.side_mains()
    for process in mains:
        process.terminate()
    _, alive = psutil.wait_procs(mains, timeout=5)

    assert not alive
    assert client.checked(dataset.id).state is DatasetState.READY


def test_a_check_that_nobody_was_woken_for_is_done(client, stack, tmp_path):
    sent = [client.upload(a_table(tmp_path), "regression") for _ in range(3)]
    stack.redis.delete("celery:side", "asks")

    assert {client.checked(dataset.id).state for dataset in sent} == {DatasetState.READY}


def test_a_prediction_is_answered_while_a_large_file_is_checked(client, tmp_path):
    job = client.wait(client.submit({"task": "regression", "budget": {"steps": 2}}).id)
    dataset = client.upload(a_large_table(tmp_path), "regression")

    assert client.predict(job.id, [[0.0]]).outputs
    assert client.dataset(dataset.id).state is DatasetState.CHECKING
    assert client.checked(dataset.id).rows == LARGE


def test_a_text_in_any_alphabet_is_learned_and_continued(client, tmp_path):
    (tmp_path / "道.txt").write_text("道可道，非常道。\n名可名，非常名。\n" * 400, encoding="utf-8")
    dataset = client.checked(client.upload(tmp_path / "道.txt", "text-generation").id)
    spec = {"task": "text-generation", "dataset": dataset.id, "model": {"width": 32, "depth": 1, "context": 16}}
    job = client.wait(client.submit(spec | {"units": {"learning_rate": 0.01}, "budget": {"steps": 150}}).id)

    assert dataset.contents.characters == 7200
    assert job.state is State.SUCCEEDED, job.reason
    assert job.result.test_metrics["bits_per_character"] < 1
    assert "可" in client.predict(job.id, ["道可道，非常道。\n"]).outputs[0]


def recording(text: str) -> bytes:
    """A tone for each letter."""
    tones = np.concatenate([np.sin(np.arange(1600) * {"あ": 0.4, "б": 1.1}[letter]) * 8000 for letter in text])
    with wave.open(file := io.BytesIO(), "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(8000)
        opened.writeframes(tones.astype("<i2").tobytes())
    return file.getvalue()


def test_recordings_are_learned_and_transcribed(client, tmp_path):
    said = ["あ" * (n % 2) + "бあ" * (n // 2 % 4 + 1) + "б" * (n // 8 % 2) for n in range(24)]
    with zipfile.ZipFile(tmp_path / "声.zip", "w") as packed:
        packed.writestr("manifest.csv", "\n".join(["file,text", *(f"{n}.wav,{text}" for n, text in enumerate(said))]))
        for n, text in enumerate(said):
            packed.writestr(f"{n}.wav", recording(text))
    dataset = client.checked(client.upload(tmp_path / "声.zip", "speech-recognition").id)
    spec = {"task": "speech-recognition", "dataset": dataset.id, "model": {"width": 16, "depth": 1}}
    job = client.wait(client.submit(spec | {"units": {"learning_rate": 0.02}, "budget": {"epochs": 60}}).id)

    assert (dataset.state, dataset.rows, dataset.contents.rate) == (DatasetState.READY, 24, 8000), dataset.reason
    assert job.state is State.SUCCEEDED, job.reason
    assert job.result.metrics["cer"] <= 1
    outputs = client.predict(job.id, [base64.b64encode(recording("бあбあ")).decode()]).outputs
    assert len(outputs) == 1
    assert set(outputs[0]) <= {"あ", "б"}


def test_pairs_are_uploaded_learned_and_translated(client, tmp_path):
    numbers = ["eins", "zwei", "drei", "四", "fünf", "six"]
    pairs = [(f"{a} + {b}", f"{numbers[a]} und {numbers[b]}") for a in range(6) for b in range(6)] * 5
    (tmp_path / "zahlen.tsv").write_text("".join(f"{one}\t{other}\n" for one, other in pairs), encoding="utf-8")
    dataset = client.checked(client.upload(tmp_path / "zahlen.tsv", "translation").id)
    model = {"width": 32, "depth": 1, "head_size": 16, "context": 12}
    spec = {"task": "translation", "dataset": dataset.id, "model": model, "units": {"learning_rate": 0.005}}
    job = client.wait(client.submit(spec | {"budget": {"steps": 200}}).id)

    assert (dataset.rows, dataset.contents.with_context) == (180, False)
    assert job.state is State.SUCCEEDED, job.reason
    assert job.result.metrics.keys() == job.result.test_metrics.keys() == {"perplexity", "bleu", "chrf"}
    assert client.predict(job.id, ["3 + 4"]).outputs == ("四 und fünf",)
    assert "tokenizer.json" in {artifact.name for artifact in client.artifacts(job.id)}
