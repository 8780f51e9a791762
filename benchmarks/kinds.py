"""A small work of every kind of model, at its default rates, on data that is made on the spot."""

import hashlib
import io
import json
import random
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from unitscale.models.datasets import Dataset
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec, TaskName
from worker.pipe import Check, Lane
from worker.trainer.checks.check import check

STEPS = 200
RATE = 8000
NAMES = ("Ana", "Bo", "Cem", "Dora", "Emil", "Fay", "Gus", "Hana")
TOWNS = {"Lima": "Λίμα", "Quito": "Κίτο", "Oslo": "Όσλο", "Cairo": "Κάιρο", "Perth": "Περθ", "Turin": "Τορίνο"}
PITCHES = {"a": 400, "b": 900, "c": 1600, "d": 2600}
"""Hertz of the tone that says a letter."""
TEXT: dict[str, Any] = {
    "task": "text-generation",
    "dataset": "grammar",
    "data": {"fraction": 0.3},
    "model": {"width": 32, "depth": 2, "head_size": 8, "context": 32},
    "units": {"batch_size": 15},
}
PAIRS = {"model": {"width": 32, "depth": 1, "head_size": 16, "context": 16}, "units": {"batch_size": 15}}


class Work(NamedTuple):
    """A spec, and the file that its data set is uploaded as, where it has one of its own."""

    spec: dict[str, Any]
    ending: str = ""
    content: Callable[[], bytes] = bytes


def _pairs() -> bytes:
    draw = random.Random(0)  # no secret
    rows = [[draw.choice(list(TOWNS)) for _ in range(draw.randint(1, 4))] for _ in range(400)]
    return "\n".join(" ".join(row) + "\t" + " ".join(TOWNS[town] for town in row) for row in rows).encode()


def _stories() -> bytes:
    """Who lives where, and a question about one of them."""
    draw, rows = random.Random(0), list[str]()  # no secret
    for _ in range(400):
        names, towns = draw.sample(NAMES, 3), draw.sample(list(TOWNS), 3)
        context = " ".join(f"{name} lives in {town}." for name, town in zip(names, towns, strict=True))
        rows.append(json.dumps({"question": f"Where does {names[0]} live?", "context": context, "answer": towns[0]}))
    return "\n".join(rows).encode()


def _recordings() -> bytes:
    draw = np.random.default_rng(0)
    said = ["".join(draw.choice(list(PITCHES), draw.integers(2, 5))) for _ in range(60)]
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        archive.writestr("manifest.csv", "\n".join(["file,text", *(f"{n}.wav,{text}" for n, text in enumerate(said))]))
        for number, text in enumerate(said):
            archive.writestr(f"{number}.wav", _spoken(text))
    return file.getvalue()


def _spoken(text: str) -> bytes:
    """A tone for each letter, and a pause behind it."""
    times, pause = np.arange(RATE // 5) / RATE, np.zeros(RATE // 20)
    parts = [part for letter in text for part in (0.3 * np.sin(2 * np.pi * PITCHES[letter] * times), pause)]
    with wave.open(file := io.BytesIO(), "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(RATE)
        opened.writeframes(np.round(np.concatenate(parts) * 32767).astype("<i2").tobytes())
    return file.getvalue()


WORKS: dict[str, Work] = {
    "decoder": Work(TEXT),
    "decoder, u-mup": Work({**TEXT, "units": {"batch_size": 15, "parametrization": "u-mup"}}),
    "masked": Work({**TEXT, "task": "masked-language-modeling"}),
    "mlp": Work({"task": "image-classification", "dataset": "digits", "model": {"kind": "mlp", "width": 64}}),
    "convnet": Work({"task": "image-classification", "dataset": "digits"}),
    "encoder-decoder": Work({"task": "translation", **PAIRS}, ".tsv", _pairs),
    "spans": Work(
        {"task": "question-answering", **PAIRS, "model": {**PAIRS["model"], "context": 48}}, ".jsonl", _stories
    ),
    "speech": Work(
        {"task": "speech-recognition", "model": {"width": 32, "depth": 1}, "units": {"batch_size": 7}},
        ".zip",
        _recordings,
    ),
}


def lane(name: str, steps: int, folder: Path) -> Lane:
    """A work as a job of so many steps, whose files lie in a folder."""
    spec, ending, content = WORKS[name]
    asked = {**spec, "budget": {"steps": steps}, "evaluation": {"every_steps": steps}}
    dataset = _uploaded(folder / "data", spec["task"], ending, content()) if ending else None
    asked |= {"dataset": dataset.id} if dataset else {}
    resolved = resolve(JobSpec.model_validate(asked), "cpu", dataset)
    there = str(folder / "data") if dataset else None
    return Lane(job="one", attempt=1, spec=resolved, folder=str(folder / "job"), dataset=there)


def _uploaded(folder: Path, task: str, ending: str, content: bytes) -> Dataset:
    folder.mkdir(parents=True)
    (folder / "upload").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    found = check(Check(dataset="ds_x", folder=str(folder), task=TaskName(task), format=ending))
    assert found.contents is not None, found.problem
    known = {"id": "ds_" + "0" * 20, "state": "ready", "task": task, "name": "made", "bytes": len(content)}
    return Dataset.model_validate({**known, "sha256": sha256, "created_at": 0, "contents": found.contents})
