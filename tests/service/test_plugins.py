"""Plug-ins: a package that is installed beside one of two nodes brings a model, data sets and a task of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from benchmarks.chaos import jobs
from benchmarks.chaos.stack import KEY, Stack, until
from unitscale.client import Client, Retries
from unitscale.errors import NoWorker, Unsupported, WrongInput
from unitscale.models.formats import Format, weights_file
from unitscale.models.jobs import State

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"
SPIRALS = {
    "task": "regression",
    "dataset": "spirals",
    "model": {"kind": "highway"},
    "budget": {"epochs": 30},
    "checkpoint": {"every_seconds": 0.5},
}


TALKER = """
from torch import nn
from unitscale.models.catalog import CatalogModel
from worker.trainer.plugins import OwnModel

class Talker(nn.Linear):
    def forward(self, inputs):
        if not self.training:
            print("my last words")
            raise RuntimeError("said with a raised voice")
        return super().forward(inputs)

entry = CatalogModel(kind="talker", tasks=("regression",), sizes={}, content="", learning_rates={"adamw": 0.01})
TALKER = OwnModel(entry, lambda model, inputs, outputs: Talker(*inputs, outputs))
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The example, a package that is broken, and one whose model prints and fails, installed beside each other."""
    folder = tmp_path_factory.mktemp("packages")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    command += ["--disable-pip-version-check", "--root-user-action=ignore", "--target", str(folder), str(EXAMPLE)]
    subprocess.run(command, check=True, timeout=100)
    described = folder / "acme_broken-0.1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-broken\nVersion: 0.1\n")
    (described / "entry_points.txt").write_text("[unitscale.models]\nshaky = acme_broken:SHAKY\n")
    (folder / "acme_broken.py").write_text("print('on my way')\nimport a_package_that_nobody_has\n")
    talker = folder / "acme_talker-0.1.dist-info"
    talker.mkdir()
    (talker / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-talker\nVersion: 0.1\n")
    (talker / "entry_points.txt").write_text("[unitscale.models]\ntalker = acme_talker:TALKER\n")
    (folder / "acme_talker.py").write_text(TALKER)
    return folder


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, packages):
    with Stack(tmp_path_factory.mktemp("mixed"), variables={"node-0": {"PYTHONPATH": str(packages)}}) as running:
        with running.client() as client:
            until(lambda: all(worker.abilities for worker in client.workers()), what="nodes that know what they can do")
            until(lambda: "highway" in {model.kind for model in client.catalog().models}, what="the plug-in's model")
        yield running


@pytest.fixture
def caller(mixed):
    with mixed.client() as client:
        yield client


def test_the_catalog_shows_what_a_plug_in_brings(caller):
    catalog = caller.catalog()
    [model] = [model for model in catalog.models if model.package and model.kind != "talker"]
    [task] = [task for task in catalog.tasks if task.package]

    assert (model.kind, model.package, model.laned) == ("highway", "unitscale-example-plugin 1.0", False)
    assert {each.name: each.available for each in catalog.datasets if each.package} == {"spirals": True, "events": True}
    assert (task.name, task.datasets, task.models) == ("counting", ("events",), ("highway",))
    assert "highway" in next(task.models for task in catalog.tasks if task.name == "regression")


def test_a_broken_plug_in_is_named_and_takes_nothing_down(caller, mixed):
    [broken] = [each for worker in caller.workers() for each in worker.abilities.plugins.broken]

    assert broken.entry_point == "unitscale.models: shaky (acme-broken 0.1)"
    assert "a_package_that_nobody_has" in broken.problem
    assert mixed.said("a plug-in is broken and left out") == 1


def test_the_doctor_says_what_is_broken(mixed):
    environment = {"UNITSCALE_URL": mixed.url, "UNITSCALE_API_KEY": KEY, "PATH": ""}
    command = [sys.executable, "-m", "unitscale.cli", "doctor", "--json"]

    said = json.loads(subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60).stdout)

    assert [check["ok"] for check in said["data"] if check["name"] == "plug-ins"] == [False]
    assert "shaky (acme-broken 0.1)" in str(said)


def test_an_own_module_is_trained_and_asked(caller):
    job = caller.wait(caller.submit(SPIRALS | {"units": {"batch_size": 20}}).id)

    assert job.state is State.SUCCEEDED, job.reason
    assert job.spec.units.learning_rate == 0.003
    assert job.spec.model.model_dump(exclude_none=True) == {"kind": "highway", "width": 32, "depth": 2}
    assert job.result.test_metrics["r2"] > 0.7
    assert caller.predict(job.id, [[0.0, 0.0]]).outputs[0] == pytest.approx(0, abs=0.25)


def test_an_own_module_is_served_in_every_format(caller, tmp_path):
    formats = list(Format)
    job = caller.wait(caller.submit(SPIRALS | {"evaluation": {"formats": formats}, "budget": {"epochs": 40}}).id)

    exact, *others = (caller.predict(job.id, [[0.5, 0.1], [-0.2, 0.4]], format=form).outputs for form in formats)

    assert [each.format for each in job.result.deployment] == formats
    assert all(each.latency_ms and each.metrics["r2"] > 0.7 for each in job.result.deployment)
    for form, outputs in zip(formats[1:], others, strict=True):
        assert outputs == pytest.approx(exact, abs=0.1)
        file = load_file(caller.download(job.id, weights_file(form), tmp_path))
        assert file["norm.num_batches_tracked"].dtype == torch.int64
        assert file["last.weight"].dtype == (torch.bfloat16 if form is Format.BF16 else torch.int8)


def test_an_own_module_that_was_paused_goes_on_bit_for_bit(caller):
    """Batch normalization and dropout go on where they stood."""
    spec = SPIRALS | {"budget": {"steps": 4000}, "units": {"batch_size": 20}}
    expected = jobs.reference(caller, spec)
    job = caller.submit(spec)
    until(lambda: caller.job(job.id).progress.step > 100)
    caller.pause(job.id)
    until(lambda: caller.job(job.id).state is State.PAUSED)
    caller.resume(job.id)

    assert caller.wait(job.id).attempt == 2
    assert jobs.outcome(caller, job.id) == expected


def test_an_own_task_is_trained_with_its_defaults(caller):
    job = caller.wait(caller.submit({"task": "counting"}).id)
    few, many = caller.predict(job.id, [[-1.0, 1.0, 0.0], [1.0, -1.0, 0.0]]).outputs

    assert (job.state, job.spec.dataset, job.spec.model.kind) == (State.SUCCEEDED, "events", "highway")
    assert job.result.test_metrics["mae"] < 1.8
    assert (few, many) == pytest.approx((1, 7.4), rel=0.5)
    assert [each.id for each in caller.jobs(task="counting").data] == [job.id]
    with pytest.raises(WrongInput):
        caller.predict(job.id, [[1.0]])


def test_jobs_wait_for_the_node_that_can_do_them(caller):
    """Both nodes are woken; the one that has not the plug-in leaves these jobs, and takes the others."""
    ours = [caller.submit(SPIRALS | {"budget": {"epochs": 2}, "seed": seed}).id for seed in range(4)]
    others = [caller.submit({"task": "regression", "seed": seed}).id for seed in range(4)]

    ended = [caller.wait(job) for job in (*ours, *others)]

    assert [(job.state, job.attempt) for job in ended] == [(State.SUCCEEDED, 1)] * 8


def test_what_an_own_module_cannot_do_is_refused(caller):
    with pytest.raises(Unsupported) as refused:
        caller.submit(SPIRALS | {"units": {"parametrization": "u-mup"}})

    assert refused.value.fields[0][0] == "/units/parametrization"


def test_a_format_that_no_worker_has_is_refused_with_those_they_have(caller):
    with pytest.raises(Unsupported) as refused:
        caller.submit({"task": "regression", "units": {"precision": "tf32"}})

    assert refused.value.fields[0][0] == "/units/precision"
    assert "connected workers offer fp32, bf16, bf16-mixed, fp8-simulated." in refused.value.message


def test_a_data_set_that_was_brought_is_soon_offered(caller, mixed):
    """What is missing is refused with the command that brings it; no worker needs to be started again."""
    with pytest.raises(Unsupported, match="`make data` on a worker's machine brings it"):
        caller.submit({"task": "text-generation"})

    brought = mixed.folder / "cache" / "shakespeare-1.safetensors"
    brought.write_bytes((mixed.folder / "cache" / "grammar-1.safetensors").read_bytes())
    until(lambda: {d.name: d.available for d in caller.catalog().datasets}["shakespeare"], what="the data set")

    assert caller.dry_run({"task": "text-generation"}).spec.dataset == "shakespeare"


def test_a_job_that_is_submitted_before_the_node_is_back_is_accepted_once_it_has_said_what_it_can_do(caller, mixed):
    for node in mixed.nodes:
        mixed.parts[node].terminate()
    for node in mixed.nodes:
        mixed.parts[node].wait()
    until(lambda: caller.workers() == (), what="nodes that have left")
    with Client(mixed.url, KEY, retries=Retries(tries=1)) as hasty, pytest.raises(NoWorker, match="model highway"):
        until(lambda: hasty.dry_run(SPIRALS) is None, what="the catalog without the nodes")

    mixed.start("node-0")

    assert caller.submit(SPIRALS | {"budget": {"epochs": 2}}).spec.model.kind == "highway"


def test_all_that_a_job_prints_comes_before_its_end(caller):
    job = caller.wait(caller.submit({"task": "regression", "model": {"kind": "talker"}, "budget": {"steps": 5}}).id)
    events = caller.events(job.id, limit=200).data
    said = [event.data["line"] for event in events if event.type == "log"]

    assert (job.state, job.reason.code) == (State.FAILED, "internal")
    assert events[-1].type == "state"
    assert "my last words" in said
    assert said[-2:] == [f"{way}RuntimeError: said with a raised voice" for way in ("", "failed: ")]
