"""What a plug-in may bring, before any worker has said what it can do."""

import time

import pytest
from doubles import SPEC

from unitscale.models.catalog import CatalogModel, Plugins
from unitscale.models.document import moment
from unitscale.models.workers import Abilities, Slot, Worker

OWN = SPEC | {"model": {"kind": "highway"}, "units": {"learning_rate": 0.1}, "optimizer": {"name": "sgd"}}
HIGHWAY = CatalogModel(
    kind="highway", tasks=("regression",), sizes={"width": 32}, content="", learning_rates={"sgd": 0.5}, package="p 1"
)
BODIES = {
    "jobs": OWN,
    "sweeps": {"base": OWN, "axes": {"seed": [0, 1]}},
    "studies": {"base": OWN, "units": {"learning_rate": {"low": 0.1, "high": 1}}, "objective": {"minimize": "mae"}},
}


@pytest.fixture
def connected(worker):
    """Connects a worker with these plug-ins; without any, it is still finding out what it can do."""

    def connect(plugins: Plugins | None) -> None:
        abilities = plugins and Abilities(
            precisions=("fp32",),
            tasks=(),
            models=tuple(model.kind for model in plugins.models),
            datasets=("linear",),
            plugins=plugins,
        )
        slot = Slot(devices=("cpu:0",), queue="cpu-1")
        said = {"id": "w", "started_at": moment(0), "seen_at": moment(0), "hardware": "", "version": "0"}
        node = Worker(**said, device="cpu", slots=(slot,), abilities=abilities)
        worker.run(worker.workers.describe(node))

    return connect


def settled(api, noun, wanted):
    """The answer once what workers say of themselves has arrived: it is gone by for two seconds."""
    end = time.monotonic() + 20
    while (answer := api.post(f"/v1/{noun}", json=BODIES[noun])).status_code != wanted and time.monotonic() < end:
        time.sleep(0.1)
    return answer


@pytest.mark.parametrize("noun", BODIES)
def test_with_no_worker_connected_it_is_to_be_asked_again(api, noun):
    refused = settled(api, noun, 503)

    assert (refused.status_code, refused.json()["type"]) == (503, "no_worker")
    assert int(refused.headers["retry-after"]) <= 3
    assert "no worker is connected yet" in refused.json()["detail"]


def test_while_the_only_worker_finds_out_it_is_to_be_asked_again_and_accepted_then(api, connected):
    connected(None)
    assert settled(api, "jobs", 503).status_code == 503

    connected(Plugins(models=(HIGHWAY,)))
    assert settled(api, "jobs", 201).json()["spec"]["model"]["kind"] == "highway"


def test_once_the_workers_have_said_what_they_can_do_it_is_refused(api, connected):
    connected(Plugins())

    refused = settled(api, "jobs", 422).json()

    assert (refused["type"], refused["errors"][0]["pointer"]) == ("unsupported", "/model/kind")
