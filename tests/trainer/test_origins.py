"""Starting from another job's weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from unitscale.models.specs import InitFrom

TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"width": 32, "depth": 1, "context": 32},
    "budget": {"steps": 40},
}
ORIGIN = "job_01k00000000000000000"


@pytest.fixture
def branch(a_lane, record_of):
    """A record of a job that starts from what another one left."""

    def make(spec: dict, folder: Path | None, step: int | None = None):
        lane = a_lane(spec)
        started = lane.spec.model_copy(update={"init_from": InitFrom(job=ORIGIN, step=step)})
        return record_of(lane.model_copy(update={"spec": started, "origin": str(folder) if folder else None}))

    return make


def artifacts(record) -> Path:
    return Path(record.lane.folder) / "artifacts"


@pytest.mark.parametrize(
    "spec",
    [
        {"dataset": "diabetes"},
        {"dataset": "diabetes", "model": {"kind": "mlp"}, "units": {"parametrization": "u-mup"}},
        {"task": "image-classification", "dataset": "digits", "budget": {"steps": 20}},
        TEXT,
    ],
    ids=["linear", "u-mup mlp", "convnet", "transformer"],
)
def test_a_job_goes_on_from_the_loss_its_origin_ended_with(train, branch, spec):
    [origin] = train(spec)
    still = {**spec, "units": {**spec.get("units", {}), "learning_rate": 1e-12}, "budget": {"steps": 1}}

    [branched] = train(branch(still, artifacts(origin)))

    assert branched.points("val_loss")["value"] == pytest.approx(origin.points("val_loss")["value"][-1:], rel=1e-5)


def test_a_job_starts_from_a_checkpoint(train, branch):
    saves = {**TEXT, "checkpoint": {"every_seconds": 0.1}, "budget": {"steps": 10_000}}
    [origin] = train(saves, wish=lambda message: "cancel" if message.say == "saved" else None)
    folder = Path(origin.lane.folder) / origin.saved.folder

    [branched] = train(branch({**TEXT, "budget": {"steps": 1}}, folder, origin.saved.step))
    [fresh] = train({**TEXT, "budget": {"steps": 1}})

    assert branched.points("train_loss")["value"] < fresh.points("train_loss")["value"] - 0.1


def test_an_attempt_that_resumes_does_not_start_again(train, branch):
    [origin] = train(TEXT)
    spec = {**TEXT, "evaluation": {"every_steps": 5}}
    [undisturbed] = train(branch(spec, artifacts(origin)))
    [stopped] = train(branch(spec, artifacts(origin)), wish=lambda m: "pause" if m.say == "started" else None)

    [resumed] = train(stopped.next_record())

    assert stopped.saved.step < 40
    assert resumed.curves == undisturbed.curves


def test_the_origins_weights_must_be_there_and_fit(train, branch, tmp_path):
    [narrow] = train({"dataset": "linear"})
    [gone] = train(branch({"dataset": "diabetes"}, tmp_path / "nowhere"))
    [unknown] = train(branch({"dataset": "diabetes"}, None))
    [unfit] = train(branch({"dataset": "diabetes"}, artifacts(narrow)))

    assert {gone.ended.reason.code, unknown.ended.reason.code, unfit.ended.reason.code} == {"impossible"}
    assert "are gone" in gone.ended.reason.message
    assert "shapes are [1, 1] and [1, 10]" in unfit.ended.reason.message


def test_characters_keep_their_rows_in_another_alphabet(train, branch):
    [origin] = train(TEXT)
    [branched] = train(branch({**TEXT, "units": {"learning_rate": 1e-12}, "budget": {"steps": 1}}, _reversed(origin)))

    assert np.isclose(branched.points("val_loss")["value"][-1], origin.points("val_loss")["value"][-1], rtol=1e-4)


def _reversed(origin) -> Path:
    """What the origin left, as if its alphabet had stood in another order."""
    folder, weights = artifacts(origin), origin.weights()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "alphabet": config["alphabet"][::-1]}))
    turned = {n: w.flip(0) if n in {"embedding.weight", "readout.weight"} else w for n, w in weights.items()}
    assert not torch.equal(turned["readout.weight"], weights["readout.weight"])
    save_file({name: weight.contiguous() for name, weight in turned.items()}, folder / "model.safetensors")
    return folder


def test_rows_of_another_alphabet_take_the_format_of_the_job(train, branch):
    [origin] = train({**TEXT, "budget": {"steps": 2}})
    config = artifacts(origin) / "config.json"
    words = json.loads(config.read_text())
    config.write_text(json.dumps({**words, "alphabet": words["alphabet"][::-1]}))

    [branched] = train(branch({**TEXT, "units": {"precision": "bf16"}, "budget": {"steps": 2}}, artifacts(origin)))

    assert branched.ended.reason is None
    assert branched.ended.result.stopped_by == "budget"
