"""Advice over HTTP: read from past jobs, and from what is told."""

from math import log2

import pytest
from doubles import ADMIN, Server

from unitscale.models import drifts
from unitscale.models.jobs import Fused
from unitscale.models.transfers import TransferSpec, begun

TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"width": 64, "depth": 2, "context": 32},
    "units": {"batch_size": 16},
    "budget": {"steps": 100},
}


@pytest.fixture
def past(api, worker):
    """Trains a spec, as far as the record can tell: 100 steps at 10 a second."""

    def train(loss, spec=TEXT, key=ADMIN, **units):
        spec = {**spec, "units": {**spec["units"], **units}}
        headers = {"Authorization": f"Bearer {key}"}
        job = api.post("/v1/jobs", json=spec, headers=headers).raise_for_status().json()
        claimed = worker.claim()
        worker.advance(claimed, 100, train_loss=[(100, loss)])
        worker.succeed(claimed, val_loss=loss)
        return job["id"]

    return train


@pytest.fixture
def swept(past):
    """Five rates around 2^-7, where the loss is least."""
    return [past(2 + 0.1 * (rate + 7) ** 2, learning_rate=2.0**rate) for rate in (-9, -8, -7, -6, -5)]


def advised(api, spec=TEXT, **known):
    return api.post("/v1/advice", json={"spec": spec, "known": known}).raise_for_status().json()


@pytest.fixture
def vertex_of_transfer(past):
    """What a transfer says of its 3 seeds at 7 rates, which past jobs have trained too: the loss is steeper on one
    side, so that rates two octaves off would say something else."""
    spec = TransferSpec.model_validate({"base": TEXT, "widths": [64, 128], "parametrizations": ["sp"]})
    trials = begun(spec, "transformer", {"sp": 2.0**-7})
    losses = {}
    for trial, place in trials.places.items():
        if trial.value == 64:
            off = log2(trial.rate) + 7.3
            for seed in range(3):
                losses[place + seed] = 2 + (0.05 if off < 0 else 0.02) * off**2 + 0.01 * (seed * off % 1)
                past(losses[place + seed], {**TEXT, "seed": seed}, learning_rate=trial.rate)
    [found] = drifts.found(spec, trials, losses)
    return found.values[0].vertex


def test_the_rate_of_several_seeds_is_the_one_that_a_transfer_of_the_same_jobs_names(api, vertex_of_transfer):
    rate = advised(api)["units"]["learning_rate"]

    assert len(rate["jobs"]) == 21
    assert log2(rate["value"]) == pytest.approx(vertex_of_transfer, abs=0.005)
    assert f"{2.0**vertex_of_transfer:.3g} is the vertex" in rate["reason"]


def test_a_single_run_at_the_advised_rate_moves_no_mean_of_seeds(api, past, vertex_of_transfer):
    past(1.5, learning_rate=float(f"{2.0**vertex_of_transfer:.3g}"))

    rate = advised(api)["units"]["learning_rate"]

    assert log2(rate["value"]) == pytest.approx(vertex_of_transfer, abs=0.005)


def wide(width, **units):
    return {**TEXT, "model": {**TEXT["model"], "width": width}, "units": {**TEXT["units"], **units}}


def test_a_rate_that_was_swept_is_taken_with_its_jobs(api, swept):
    answer = advised(api)
    rate = answer["units"]["learning_rate"]

    assert log2(rate["value"]) == pytest.approx(-7, abs=0.01)
    assert (rate["sure"], sorted(rate["jobs"])) == ("high", sorted(swept))
    assert answer["looked_at"] == 5
    assert [log2(tried) for tried, _ in rate["by_rate"]] == [-9, -8, -7, -6, -5]
    assert [loss for _, loss in rate["by_rate"]] == pytest.approx([2.4, 2.1, 2.0, 2.1, 2.4])
    assert not answer["units"]["batch_size"]["by_rate"]


def test_it_is_moved_to_another_width_by_the_table_or_by_what_was_measured(api, swept):
    rule = {"parametrization": "sp", "octaves_per_doubling": -0.5, "source": "our transfer"}

    by_table = advised(api, wide(128, parametrization="sp"))["units"]["learning_rate"]
    measured = advised(api, wide(128, parametrization="sp"), transfers=[rule])["units"]["learning_rate"]

    assert log2(by_table["value"]) == pytest.approx(-8, abs=0.01)
    assert log2(measured["value"]) == pytest.approx(-7.5, abs=0.01)
    assert "our transfer" in measured["reason"]
    assert measured["sure"] == by_table["sure"] == "medium"


def test_a_rate_that_stays_put_is_kept_and_not_moved(api, swept):
    rule = {"parametrization": "sp", "octaves_per_doubling": 0, "source": "our transfer"}

    rate = advised(api, wide(128, parametrization="sp"), transfers=[rule])["units"]["learning_rate"]

    assert log2(rate["value"]) == pytest.approx(-7, abs=0.01)
    assert "kept from width 64 to 128, by our transfer" in rate["reason"]


@pytest.mark.parametrize(("drift", "words"), [(0, "stay the best, by ours"), (0.4, "move by +0.4 octaves")])
def test_what_is_said_of_a_parametrization_is_what_its_rates_go_by(api, swept, drift, words):
    rule = {"parametrization": "u-mup", "octaves_per_doubling": drift, "source": "ours"}

    parametrization = advised(api, wide(512), transfers=[rule])["units"]["parametrization"]

    assert parametrization["value"] == "u-mup"
    assert words in parametrization["reason"]


def test_advice_says_where_auto_would_take_something_else(api, past):
    """No proxy stands in for a model with memory: `auto` takes the default, advice what past jobs measured."""
    remembering = {**TEXT, "model": {**TEXT["model"], "memory_length": 8}}
    for rate in (-9, -8, -7, -6, -5):
        past(2 + 0.1 * (rate + 7) ** 2, remembering, learning_rate=2.0**rate)

    rate = advised(api, remembering)["units"]["learning_rate"]
    open_ = {**remembering, "units": {**TEXT["units"], "learning_rate": "auto"}}
    dry = api.post("/v1/jobs?dry_run=true", json=open_).raise_for_status().json()

    assert log2(rate["value"]) == pytest.approx(-7, abs=0.01)
    assert f"`auto` would take the default, {dry['spec']['units']['learning_rate']:g}: no proxy pays." in rate["reason"]
    assert "not read from past jobs or transfers; advice is" in dry["estimate"]["tuning"]


def test_a_rule_that_leads_beyond_all_rates_ends_in_a_spec_that_can_be_sent(api, swept):
    rule = {"parametrization": "sp", "octaves_per_doubling": 8, "source": "a steep one"}

    spec = advised(api, wide(65536, parametrization="sp"), transfers=[rule])["spec"]

    assert api.post("/v1/jobs?dry_run=true", json=spec).status_code == 200


def test_a_model_wider_than_all_that_was_tuned_is_advised_to_change_its_parametrization(api, swept):
    units = advised(api, wide(512))["units"]

    assert units["parametrization"]["value"] == "u-mup"
    assert units["learning_rate"]["value"] == "auto"


def test_without_past_jobs_the_rate_is_tuned_by_the_job(api):
    answer = advised(api, wide(512, parametrization="sp"))

    assert answer["units"]["learning_rate"]["value"] == "auto"
    assert answer["spec"]["units"]["learning_rate"] == "auto"
    assert answer["expected"]["training_seconds"]["value"] is None
    assert answer["looked_at"] == 0


def test_what_the_spec_gives_stays(api, swept):
    asked = wide(64, learning_rate=0.5, precision="bf16", parametrization="sp")

    answer = advised(api, asked, noise_scale=500)

    assert answer["spec"] == asked
    assert {name: unit["value"] for name, unit in answer["units"].items()} == {
        "learning_rate": 0.5,
        "batch_size": 16,
        "precision": "bf16",
        "parametrization": "sp",
    }


def test_the_completed_spec_can_be_submitted(api, swept):
    asked = {key: value for key, value in TEXT.items() if key != "units"}
    spec = advised(api, asked, noise_scale=100)["spec"]

    job = api.post("/v1/jobs", json=spec)

    assert job.status_code == 201, job.text
    assert job.json()["spec"]["units"]["batch_size"] == 128


def test_the_rate_follows_the_batch(api, swept):
    asked = {key: value for key, value in TEXT.items() if key != "units"}
    units = advised(api, asked, noise_scale=64)["units"]

    assert units["batch_size"]["value"] == 64
    assert log2(units["learning_rate"]["value"]) == pytest.approx(-6, abs=0.01)


def test_time_and_loss_are_those_of_the_same_past_jobs(api, swept):
    expected = advised(api)["expected"]

    assert expected["training_seconds"]["value"] == pytest.approx(10)
    assert expected["training_seconds"]["sure"] == "high"
    assert expected["loss"]["value"] == pytest.approx(2)
    assert expected["price"]["value"] is None


@pytest.mark.parametrize(
    ("cost", "seconds", "sure"),
    [(2.5, 4, "medium"), (None, 5, "low")],
    ids=["measured", "unmeasured"],
)
def test_after_a_transfer_the_time_is_that_of_its_groups_not_of_its_probes(api, worker, cost, seconds, sure):
    """Four lanes took 10 steps a second together; one alone takes 4 s of 100 steps, if four cost 2.5 times one."""
    grouped = api.post("/v1/jobs", json={**TEXT, "units": {**TEXT["units"], "learning_rate": 0.01}}).json()
    claimed = worker.claim()
    worker.run(worker.attempts.group(claimed, Fused(lanes=4, why="measured", cost=cost), True, None))
    worker.advance(claimed, 100)
    worker.succeed(claimed, val_loss=2.0)
    api.post("/v1/jobs", json={**TEXT, "budget": {"steps": 1}}).raise_for_status()
    probe = worker.claim()
    worker.advance(probe, 1, seconds_a_step=5.0)
    worker.succeed(probe, val_loss=3.0)

    expected = advised(api)["expected"]["training_seconds"]

    assert expected["value"] == pytest.approx(seconds)
    assert expected["low"] <= 4 <= expected["high"]
    assert (expected["sure"], expected["jobs"]) == (sure, [grouped["id"]])


def test_the_price_is_that_of_the_time_at_what_an_hour_costs(settings, swept):
    with Server(settings.model_copy(update={"price_per_device_hour": 36.0})) as priced:
        priced.wait()
        with priced.client() as client:
            price = advised(client)["expected"]["price"]

    assert price["value"] == pytest.approx(0.1)
    assert "36 a device hour, by the service's setting" in price["reason"]


def test_rates_that_diverged_count_as_worse_than_all_others(api, worker, past):
    """Two finite rates make no parabola; a third that diverged says that the best lies between."""
    for rate in (-8, -7):
        past(2 + 0.1 * (rate + 7) ** 2, learning_rate=2.0**rate)
    spec = {**TEXT, "units": {**TEXT["units"], "learning_rate": 0.5}}
    diverged = api.post("/v1/jobs", json=spec).json()["id"]
    worker.fail(worker.claim())

    answer = advised(api)

    rate = answer["units"]["learning_rate"]
    assert log2(rate["value"]) == pytest.approx(-7, abs=0.01)
    assert (rate["sure"], answer["looked_at"]) == ("high", 3)
    assert diverged in rate["jobs"]
    assert answer["expected"]["loss"]["value"] == answer["expected"]["loss"]["low"] == 2


def test_jobs_that_all_diverged_advise_no_rate(api, worker):
    spec = {**TEXT, "units": {**TEXT["units"], "learning_rate": 0.5}}
    api.post("/v1/jobs", json=spec).raise_for_status()
    worker.fail(worker.claim())

    answer = advised(api)

    assert answer["units"]["learning_rate"]["jobs"] == []
    assert answer["expected"]["loss"]["value"] is None


def test_all_jobs_that_were_read_are_named(api, past):
    for number in range(60):
        past(2 + number / 100, learning_rate=0.01 * (1 + number))

    assert len(advised(api)["expected"]["training_seconds"]["jobs"]) == 60


def test_other_sizes_take_a_time_that_is_scaled_and_less_sure(api, swept):
    seconds = advised(api, wide(256, parametrization="sp", learning_rate=0.01))["expected"]["training_seconds"]

    assert seconds["low"] < seconds["value"] < seconds["high"]
    assert seconds["value"] > 80
    assert seconds["sure"] != "high"


def test_a_law_tells_the_loss(api):
    law = {"E": 1.5, "A": 400, "B": 2000, "alpha": 0.34, "beta": 0.28}

    loss = advised(api, scaling_law=law)["expected"]["loss"]

    assert loss["value"] > 1.5
    assert "The law" in loss["reason"]


def test_jobs_that_are_named_are_the_only_ones(api, swept, past):
    narrow = past(1.0, learning_rate=0.5)

    answer = advised(api, jobs=swept)

    assert answer["looked_at"] == 5
    assert narrow not in answer["units"]["learning_rate"]["jobs"]


def test_another_projects_jobs_do_not_exist(api, swept, worker):
    worker.admit("us_other", "other", "submit")
    headers = {"Authorization": "Bearer us_other"}
    body = {"spec": TEXT}

    unnamed = api.post("/v1/advice", json=body, headers=headers)
    named = api.post("/v1/advice", json={**body, "known": {"jobs": swept[:2]}}, headers=headers)

    assert unnamed.json()["looked_at"] == 0
    assert named.status_code == 404
    assert named.json()["errors"][0]["pointer"] == "/known/jobs/0"


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [({**TEXT, "dataset": "digits"}, "/spec/dataset"), ({**TEXT, "model": {"kind": "linear"}}, "/spec/model/kind")],
)
def test_what_cannot_be_trained_is_refused_where_it_stands(api, spec, pointer):
    response = api.post("/v1/advice", json={"spec": spec})

    assert response.status_code == 422
    assert pointer in [error["pointer"] for error in response.json()["errors"]]


def test_what_auto_asks_for_is_recommended_or_left_to_the_job(api, swept):
    answer = advised(api, wide(64, learning_rate="auto"))

    assert log2(answer["units"]["learning_rate"]["value"]) == pytest.approx(-7, abs=0.01)


def test_a_measured_rule_goes_with_a_rate_that_is_to_be_tuned(api):
    rule = {"parametrization": "sp", "octaves_per_doubling": -0.5, "source": "our transfer"}

    units = advised(api, wide(512, parametrization="sp"), transfers=[rule])["spec"]["units"]

    assert units["learning_rate"] == "auto"
    assert units["rule"] == {"octaves_per_doubling": -0.5, "source": "our transfer"}
