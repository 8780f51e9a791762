"""A team's own modules: whatever parts they have, they train, resume and answer like the catalog's models."""

import sys

import pytest
import torch
from torch import nn

from unitscale.errors import BadDataset
from unitscale.models.catalog import CatalogModel, Plugins
from unitscale.models.datasets import Volume
from unitscale.models.document import moment
from unitscale.models.offers import Offer
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from unitscale.models.workers import Abilities, Slot, Worker
from worker.pipe import Ask, Lane
from worker.trainer import plugins
from worker.trainer.catalog import DATASETS, MODELS, TASKS
from worker.trainer.data.dataset import Dataset
from worker.trainer.inference.predict import answer
from worker.trainer.plugins import OwnModel

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


class Short(Odd):
    def forward(self, inputs):
        return super().forward(inputs)[:1]


def own(kind, make):
    entry = CatalogModel(
        kind=kind, tasks=("regression",), sizes={"width": 24}, content="", learning_rates={"adamw": 0.01, "sgd": 0.05}
    )
    return OwnModel(entry, lambda model, inputs, outputs: make(*inputs, model.width, outputs))


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
    MODELS.update({"odd": own("odd", Odd), "idle": own("idle", Idle), "short": own("short", Short)})
    entries = tuple(MODELS[kind].entry.model_copy(update={"package": "p 1"}) for kind in ("odd", "idle", "short"))
    abilities = Abilities(precisions=("fp16-mixed",), models=("odd", "idle", "short"), plugins=Plugins(models=entries))
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


def test_to_look_at_its_scales_changes_nothing(train_own):
    [looked] = train_own({**SPEC, "diagnostics": {"scales_every": 5}})
    [alone] = train_own(SPEC)

    assert len(looked.points("rms.weight.stem")) == 13
    assert looked.curves["train_loss"] == alone.curves["train_loss"]


def test_it_is_trained_alone(train_own):
    records = train_own(SPEC, SPEC)

    assert {record.ended.reason.code for record in records} == {"impossible"}


def test_a_weight_without_use_is_told(train_own):
    [record] = train_own({**SPEC, "model": {"kind": "idle"}})

    assert record.ended.reason.code == "impossible"
    assert "takes no part" in record.ended.reason.message


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


def test_a_data_set_of_another_size_than_said_is_told():
    rows = Dataset(dict, validation=2, test=2, volume=Volume(10, None))

    with pytest.raises(BadDataset, match="there is 10 to train on, and there is 9"):
        rows.check({"inputs": torch.zeros(13, 2)})
    rows.check({"inputs": torch.zeros(14, 2)})


def test_a_module_that_puts_out_another_number_of_rows_is_impossible(train_own):
    [record] = train_own({**SPEC, "model": {"kind": "short"}})

    assert record.ended.reason.code == "impossible"
    assert "[1, 1] for a batch of 31 examples" in record.ended.reason.message
