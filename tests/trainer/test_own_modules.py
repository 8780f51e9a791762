"""A team's own modules: whatever parts they have, they train, resume and answer like the catalog's models."""

import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from unitscale.errors import BadDataset, Unsupported
from unitscale.models.catalog import CatalogModel, Plugins
from unitscale.models.datasets import Volume
from unitscale.models.document import moment
from unitscale.models.formats import Format, weights_file
from unitscale.models.offers import Offer
from unitscale.models.predictions import Sampling
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from unitscale.models.workers import Abilities, Slot, Worker
from worker.pipe import Ask, Lane
from worker.trainer import plugins
from worker.trainer.catalog import DATASETS, MODELS, TASKS
from worker.trainer.data.dataset import Dataset
from worker.trainer.inference.predict import answer
from worker.trainer.plugins import OwnModel

ALL = list(Format)
SPEC = {
    "task": "regression",
    "dataset": "diabetes",
    "model": {"kind": "odd"},
    "units": {"batch_size": 31},
    "budget": {"steps": 60},
    "evaluation": {"every_steps": 20},
}


class Odd(nn.Module):
    """A module with one of everything."""

    def __init__(self, features, width, outputs):
        super().__init__()
        self.stem, self.norm = nn.Linear(features, width), nn.BatchNorm1d(width)
        self.tied = nn.Linear(width, width, bias=False)
        self.again = self.tied
        self.gain = nn.Parameter(torch.tensor(1.0))
        self.frozen = nn.Linear(width, width).requires_grad_(requires_grad=False)
        self.register_buffer("shift", torch.linspace(-1, 1, width), persistent=False)
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))
        self.dropout, self.head = nn.Dropout(0.2), nn.Linear(width, outputs)

    def forward(self, inputs):
        if self.training:
            self.seen += len(inputs)
        x = self.again(torch.tanh(self.tied(self.norm(self.stem(inputs)) + self.shift)))
        return self.head(self.dropout(self.frozen(x))) * self.gain


class Idle(Odd):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.idle = nn.Linear(2, 2)


class Reading(nn.Module):
    """Torch's own encoder layer, and one weight for what is read and what is said."""

    def __init__(self, causal, width, words):
        super().__init__()
        self.words, self.causal = nn.Embedding(words, width), causal
        self.layer = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=0.0, batch_first=True)
        self.readout = nn.Linear(width, words)
        self.readout.weight = self.words.weight

    def forward(self, tokens):
        count = tokens.shape[1]
        later = torch.full((count, count), float("-inf")).triu(1) if self.causal else None
        return self.readout(self.layer(self.words(tokens.long()), later))


class Short(Odd):
    def forward(self, inputs):
        return super().forward(inputs)[:1]


def own(kind, make):
    entry = CatalogModel(
        kind=kind, tasks=("regression",), sizes={"width": 24}, content="", learning_rates={"adamw": 0.01, "sgd": 0.05}
    )
    return OwnModel(entry, lambda model, inputs, outputs: make(*inputs, model.width, outputs))


def reading(task):
    entry = CatalogModel(
        kind=f"reads-for-{task[:4]}",
        tasks=(task,),
        sizes={"width": 16, "context": 12},
        content="",
        learning_rates={"adamw": 0.01},
    )
    return OwnModel(entry, lambda model, _, outputs: Reading(task == TEXT, model.width, outputs))


TEXT, MASKED = "text-generation", "masked-language-modeling"


@pytest.fixture
def tables():
    """The trainer's tables, which are put back."""
    before = [(table, dict(table)) for table in (MODELS, DATASETS, TASKS)]
    plugins.install.cache_clear()
    yield
    plugins.install.cache_clear()
    for table, rows in before:
        table.clear()
        table.update(rows)


@pytest.fixture
def train_own(tables, train, tmp_path, record_of):
    ours = [own("odd", Odd), own("idle", Idle), own("short", Short), reading(TEXT), reading(MASKED)]
    MODELS.update({model.entry.kind: model for model in ours})
    entries = tuple(model.entry.model_copy(update={"package": "p 1"}) for model in ours)
    kinds = tuple(entry.kind for entry in entries)
    abilities = Abilities(precisions=("fp16-mixed",), models=kinds, plugins=Plugins(models=entries))
    slot = Slot(devices=("cpu:0",), queue="cpu-1")
    seen = {"started_at": moment(0), "seen_at": moment(0)}
    worker = Worker(id="w", hardware="", device="cpu", slots=(slot,), version="0", abilities=abilities, **seen)

    def run(*specs, origin=None, **wishes):
        lanes = [
            Lane(
                job=f"job{place}",
                attempt=1,
                origin=origin,
                spec=resolve(JobSpec.model_validate(spec), "cpu", None, Offer([worker])),
                folder=str(tmp_path / f"{len(list(tmp_path.iterdir()))}-{place}"),
            )
            for place, spec in enumerate(specs)
        ]
        return train(*map(record_of, lanes), **wishes)

    return run


def test_it_learns_and_answers_as_its_exam_says(train_own):
    [record] = train_own({**SPEC, "budget": {"epochs": 40}})
    file = record.weights()
    patient = [50.0, 1, 25, 90, 180, 100, 50, 4, 5, 90]
    asked = answer(Ask(ask="a", folder=f"{record.lane.folder}/artifacts", inputs=(patient,)))

    assert record.ended.result.metrics["r2"] > 0.2
    assert 50 < asked.outputs[0] < 300
    assert file["seen"].item() == 310 * 40
    assert {"norm.running_var", "frozen.weight", "gain"} <= file.keys()
    assert not {"shift", "again.weight"} & file.keys()


def test_it_is_served_in_every_format(train_own):
    [record] = train_own({**SPEC, "evaluation": {"formats": ALL}, "budget": {"epochs": 40}})
    patients, folder = ([50.0, 1, 25, 90, 180, 100, 50, 4, 5, 90],), f"{record.lane.folder}/artifacts"

    fp32, *small = record.ended.result.deployment
    exact, *others = (answer(Ask(ask="a", folder=folder, inputs=patients, format=form)).outputs for form in ALL)

    assert [fp32.format, *(form.format for form in small)] == ALL
    assert fp32.metrics == pytest.approx(record.ended.result.metrics, rel=1e-4)
    for form, outputs in zip(small, others, strict=True):
        assert form.latency_ms.p50 > 0
        assert form.metrics == pytest.approx(fp32.metrics, rel=0.1)
        assert outputs == pytest.approx(exact, rel=0.1)
        assert outputs != exact


def test_its_files_hold_its_linear_layers_in_few_bits(train_own):
    [record] = train_own({**SPEC, "evaluation": {"formats": ALL}})
    files = [load_file(f"{record.lane.folder}/artifacts/{weights_file(form)}") for form in ALL]

    assert {file["seen"].item() for file in files} == {31 * 60}
    assert files[1]["norm.running_var"].dtype == torch.bfloat16
    for file in files[2:]:
        int8 = {name.removesuffix(".weight") for name, tensor in file.items() if tensor.dtype is torch.int8}
        assert int8 == {"stem", "tied", "frozen", "head"}


@pytest.fixture
def read_own(train_own):
    """A module that has read texts, its folder, and itself."""

    def run(task):
        spec = {"task": task, "dataset": "grammar", "model": {"kind": f"reads-for-{task[:4]}"}, "budget": {"steps": 30}}
        [record] = train_own({**spec, "evaluation": {"formats": ALL}})
        folder = Path(record.lane.folder) / "artifacts"
        config = json.loads((folder / "config.json").read_text())
        module = Reading(task == TEXT, 16, config["outputs"]).eval()
        module.load_state_dict({**record.weights(), "readout.weight": record.weights()["words.weight"]})
        return record, config["alphabet"], module

    return run


def test_a_module_that_reads_texts_continues_them(read_own):
    record, alphabet, module = read_own(TEXT)
    asked = {"inputs": ("the dog sees ",), "sampling": Sampling(temperature=0, max_tokens=20)}

    answers = [answer(Ask(ask="a", folder=f"{record.lane.folder}/artifacts", format=form, **asked)) for form in ALL]

    text = "the dog sees "
    for _ in range(20):  # it looks at as much as it was trained to
        seen = torch.tensor([[alphabet.index(character) for character in text[-12:]]])
        text += alphabet[module(seen)[0, -1].argmax()]
    assert answers[0].outputs == (text.removeprefix("the dog sees "),)
    assert {len(each.outputs[0]) for each in answers} == {20}


def test_a_module_that_reads_texts_leaves_samples(read_own):
    record, *_ = read_own(TEXT)
    folder = Path(record.lane.folder) / "artifacts"

    for sample in json.loads((folder / "samples.json").read_text()):
        asked = {"inputs": (sample["prompt"],), "sampling": Sampling(**sample["sampling"])}
        assert answer(Ask(ask="a", folder=str(folder), **asked)).outputs == (sample["continuation"],)


def test_a_module_that_reads_texts_says_how_fast_it_writes(read_own):
    for form in read_own(TEXT)[0].ended.result.deployment:
        assert form.first_token_ms > 0
        assert form.decode_tokens_per_second > 0
        assert form.metrics["perplexity"] > 1


def test_a_module_that_reads_masked_texts_fills_the_masks(read_own):
    record, alphabet, module = read_own(MASKED)
    asked = {"folder": f"{record.lane.folder}/artifacts", "inputs": ("the [MASK]og",)}

    answers = [answer(Ask(ask="a", format=form, **asked)) for form in ALL]

    seen = torch.tensor([[*(alphabet.index(each) for each in "the "), len(alphabet), *map(alphabet.index, "og")]])
    filled = alphabet[module(seen)[0, 4, :-1].argmax()]
    assert answers[0].outputs[0] == f"the {filled}og"
    assert all(len(each.outputs[0]) == 7 for each in answers)
    assert record.ended.result.deployment[1].first_token_ms is None


def test_what_is_frozen_stays_and_does_not_count(train_own):
    [record] = train_own(SPEC)
    torch.manual_seed(0)
    fresh = Odd(10, 24, 1)

    assert torch.equal(record.weights()["frozen.weight"], fresh.frozen.weight)
    assert record.ended.result.parameters == sum(p.numel() for p in fresh.parameters() if p.requires_grad)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "bf16-mixed", "fp16-mixed"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_resumed_run_is_the_undisturbed_one(train_own, train, precision, optimizer):
    units = {"batch_size": 31, "micro_batch_size": 16, "precision": precision}
    spec = {**SPEC, "units": units, "optimizer": {"name": optimizer}}
    [whole] = train_own(spec)
    [first] = train_own(spec, wish=lambda message: "pause" if message.say == "started" else None)
    [again] = train(first.next_record())

    assert whole.ended.result is not None, whole.ended.reason
    assert first.stopped is not None
    assert again.curves == whole.curves
    assert again.ended.result.test_metrics == whole.ended.result.test_metrics
    assert all(torch.equal(tensor, whole.weights()[name]) for name, tensor in again.weights().items())


@pytest.mark.parametrize("left", ["artifacts", "checkpoints/step-1"])
def test_what_it_holds_is_lent_to_the_next_job(train_own, left):
    stop = "pause" if left != "artifacts" else None
    [first] = train_own(SPEC, wish=lambda message: stop if message.say == "started" else None)
    spec = {**SPEC, "init_from": {"job": "job_" + "0" * 20}, "budget": {"steps": 1}}

    [second] = train_own(spec, origin=f"{first.lane.folder}/{left}")

    steps = 1 if stop else 60
    assert second.weights()["seen"].item() == 31 * (steps + 1)


def test_seeds_give_other_starts(train_own):
    losses = [train_own({**SPEC, "seed": seed})[0].curves["train_loss"][:8] for seed in (0, 0, 1)]

    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("precision", ["fp32", "bf16-mixed"])
def test_to_look_at_its_scales_changes_nothing(train_own, scales_of, precision):
    spec = {**SPEC, "units": {"batch_size": 31, "precision": precision}}
    [looked], [alone] = train_own({**spec, "diagnostics": {"scales_every": 5}}), train_own(spec)

    found = scales_of(looked, alone)

    layers = {"stem", "norm", "tied", "tied.2", "frozen", "head"}
    assert {f"rms.{kind}.{layer}" for kind in ("activation", "activation_gradient") for layer in layers} <= found.keys()
    assert {"rms.weight.stem", "rms.weight_gradient.stem", "rms.weight_gradient.gain"} <= found.keys()
    assert len(looked.points("rms.weight.stem")) == 13


def test_its_noise_is_measured_of_parts_that_it_sees_anyway(train_own):
    parts = {**SPEC, "units": {"batch_size": 31, "micro_batch_size": 16}}
    [measured] = train_own({**parts, "diagnostics": {"noise_scale": True}})
    [alone] = train_own(parts)

    assert len(measured.points("noise_scale")) == 10
    assert measured.curves["train_loss"] == alone.curves["train_loss"]
    with pytest.raises(Unsupported, match="may count or draw"):
        train_own({**SPEC, "diagnostics": {"noise_scale": True}})


def test_it_is_trained_alone(train_own):
    records = train_own(SPEC, SPEC)

    assert {record.ended.reason.code for record in records} == {"impossible"}


def test_a_weight_without_use_is_told(train_own):
    [record] = train_own({**SPEC, "model": {"kind": "idle"}})

    assert record.ended.reason.code == "impossible"
    assert "takes no part" in record.ended.reason.message


GROUPS = {"unitscale.models", "unitscale.datasets", "unitscale.tasks"}
"""Of entry points; the first is a package, too."""
PACKAGE = """
from unitscale.models.catalog import CatalogDataset, CatalogModel, CatalogTask
from worker.trainer.data.dataset import Dataset
from worker.trainer.plugins import OwnDataset, OwnModel, OwnTask

def model(kind="fine", **fields):
    entry = {"tasks": ("regression",), "sizes": {"width": 8}, "content": "", "learning_rates": {"sgd": 0.1}} | fields
    return OwnModel(CatalogModel(kind=kind, **entry), lambda *sizes: None)

FINE, TAKEN, OTHER, NUMBER = model(), model("mlp"), model("another"), 7
SIZED, RATELESS = model("sized", sizes={"wings": 2}), model("rateless", learning_rates=None)
DEFAULTS = {"dataset": "a", "model": "b", "steps": 1}
TASK = OwnTask(CatalogTask(name="tasked", datasets=(), models=(), metrics=(), defaults=DEFAULTS), object())
"""


def test_each_broken_plug_in_is_named_with_its_reason(tables, tmp_path, monkeypatch):
    described = tmp_path / "acme-0.1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 0.1\n")
    values = {"fine": "FINE", "mlp": "TAKEN", "sized": "SIZED", "rateless": "RATELESS"}
    values |= {"other": "OTHER", "number": "NUMBER"}
    lines = [f"{name} = acme_package:{value}" for name, value in values.items()]
    tasks = ["[unitscale.tasks]", "tasked = acme_package:TASK", "leaves = acme_leaves:TASK", "gone = acme_gone:TASK"]
    (described / "entry_points.txt").write_text("\n".join(["[unitscale.models]", *lines, *tasks]))
    (tmp_path / "acme_package.py").write_text(PACKAGE)
    (tmp_path / "acme_leaves.py").write_text("import sys\nsys.exit('no more')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    found = plugins.install()

    assert [(model.kind, model.package) for model in found.models] == [("fine", "acme 0.1")]
    problems = {broken.entry_point.split()[1]: broken.problem for broken in found.broken}
    said = {
        "mlp": "the name is taken",
        "sized": "no size wings",
        "rateless": "needs learning_rates",
        "other": "its entry is named another",
        "number": "leads to a value of type int, not OwnModel",
        "tasked": "its task has no prepare",
        "leaves": "no more",
        "gone": "No module named 'acme_gone'",
    }
    assert problems.keys() == said.keys()
    assert all(words in problems[name] for name, words in said.items())


def test_every_module_that_the_page_on_plug_ins_names_is_there():
    page = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
    named = set(re.findall(r"`((?:worker|unitscale)\.[a-z_]+[a-z_.]*)`", page)) - GROUPS

    assert len(named) == 8
    assert [name for name in named if find_spec(name) is None] == []


def test_a_data_set_of_another_size_than_said_is_told():
    rows = Dataset(dict, validation=2, test=2, volume=Volume(10, None))

    with pytest.raises(BadDataset, match="there is 10 to train on, and there is 9"):
        rows.check({"inputs": torch.zeros(13, 2)})
    rows.check({"inputs": torch.zeros(14, 2)})


def test_a_module_that_puts_out_another_number_of_rows_is_impossible(train_own):
    [record] = train_own({**SPEC, "model": {"kind": "short"}})

    assert record.ended.reason.code == "impossible"
    assert "[1, 1] for a batch of 31 examples" in record.ended.reason.message
