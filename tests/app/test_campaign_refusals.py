"""What a sweep, a study or a transfer cannot ask for: refused at once, by the field as it was sent."""

import pytest
from doubles import Supervisor

from unitscale.models.document import moment
from unitscale.models.workers import Abilities, Slot, Worker

LINE = {"task": "regression", "dataset": "linear", "optimizer": {"name": "sgd"}, "budget": {"steps": 100}}
SEARCHED = {"sweeps": {"axes": {"seed": [0, 1]}}, "studies": {"units": {"batch_size": {"choices": [8, 16]}}}}
TEXT = {"task": "text-generation", "dataset": "grammar"}


@pytest.fixture
def refused(api):
    """Sends a body that must be refused, with nothing left behind; answers with pointer → detail."""

    def send(noun, body):
        response = api.post(f"/v1/{noun}", json=body)
        assert response.status_code == 422, response.text
        assert api.get(f"/v1/{noun}").json()["data"] == []
        return {each["pointer"]: each["detail"] for each in response.json()["errors"]}

    return send


@pytest.mark.parametrize(
    ("varied", "pointer"),
    [
        ({"axes": {"seed": [1, "1"]}}, "/axes/seed"),
        ({"axes": {"units.batch_size": [8, 16], "units.learning_rate": [0.1, "0.1"]}}, "/axes/units.learning_rate"),
        ({"settings": [{"seed": 1}, {"seed": 1.0}]}, "/settings/1"),
        ({"settings": [{"seed": 0}, {}]}, "/settings/1"),
        ({"settings": [{"units.learning_rate": 0.1}, {"units": {"learning_rate": 0.1}}]}, "/settings/1"),
    ],
)
def test_the_same_job_in_other_words_is_refused(refused, varied, pointer):
    [(blamed, detail)] = refused("sweeps", {"base": LINE} | varied).items()

    assert blamed == pointer
    assert "is the same job as" in detail


def test_what_an_axis_brings_whole_is_blamed_on_the_axis(refused):
    axes = {"init_from": [{"job": "job_00000000000000000000"}]}

    assert list(refused("sweeps", {"base": LINE, "axes": axes})) == ["/axes/init_from"]


@pytest.mark.parametrize(
    ("axis", "values", "pointer", "words"),
    [
        ("width", [32, 24], "/values/1", "24 cannot be cut into heads of 16"),
        ("tokens", [50_000, 10_000, 10_001], "/values/2", "10,001 comes to 10 steps, as 10,000 does"),
        ("batch_size", [10**6, 10**7], "/values/1", "10,000,000 comes to"),
    ],
)
def test_a_transfer_blames_the_value_that_cannot_be_trained(refused, axis, values, pointer, words):
    body = {"base": TEXT | {"units": {"batch_size": 16}}, "axis": axis, "values": values}

    [(blamed, detail)] = refused("transfers", body).items()

    assert blamed == pointer
    assert words in detail


def test_of_a_width_and_a_head_size_that_were_both_said_both_are_blamed(refused):
    base = TEXT | {"model": {"head_size": 16}}

    assert list(refused("transfers", {"base": base, "values": [32, 24]})) == ["/values/1", "/base/model/head_size"]


def test_a_width_that_cannot_be_cut_into_default_heads_is_itself_blamed(api):
    [error] = api.post("/v1/jobs", json=TEXT | {"model": {"width": 24}}).json()["errors"]

    assert error["pointer"] == "/model/width"


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ({"minimize": "nonsense"}, "there are train_loss, val_loss"),
        ({"maximize": "test_metrics.r2"}, "Nothing is chosen by the test split"),
        ({"maximize": "metrics.accuracy"}, "The task is graded by metrics."),
        ({"minimize": "deployment.int8.bytes"}, "base.evaluation.formats"),
        ({"minimize": "deployment.latency_ms"}, "base.evaluation.formats"),
        ({"minimize": "noise_scale"}, "base.diagnostics.noise_scale"),
    ],
)
@pytest.mark.parametrize("noun", ["sweeps", "studies"])
def test_what_no_job_has_is_no_objective(refused, noun, objective, words):
    [(pointer, detail)] = refused(noun, {"base": LINE, "objective": objective} | SEARCHED[noun]).items()

    assert pointer == f"/objective/{next(iter(objective))}"
    assert words in detail


@pytest.mark.parametrize("noun", ["sweeps", "studies"])
@pytest.mark.parametrize("measures", [(), ("price",)])
def test_a_price_is_an_objective_where_a_worker_knows_one(worker, serve, settings, noun, measures):
    seen = {"started_at": moment(0), "seen_at": moment(0)}
    slots, abilities = (Slot(devices=("cpu:0",), queue="cpu-1"),), Abilities(measures=measures)
    node = Worker(id="w", hardware="", device="cpu", slots=slots, version="0", abilities=abilities, **seen)
    worker.run(worker.workers.describe(node))
    with serve(settings) as server:
        server.wait()
        with server.client() as api:
            response = api.post(f"/v1/{noun}", json={"base": LINE, "objective": {"minimize": "price"}} | SEARCHED[noun])

    assert response.status_code == (201 if measures else 422)
    if not measures:
        assert response.json()["errors"][0]["pointer"] == "/objective/minimize"
        assert "UNITSCALE_PRICE_PER_DEVICE_HOUR" in response.json()["errors"][0]["detail"]


def test_a_measure_that_some_trials_have_is_an_objective(api):
    units = {"diagnostics.noise_scale": {"choices": [True, False]}, "learning_rate": {"low": 0.1, "high": 0.2}}

    response = api.post("/v1/studies", json={"base": LINE, "objective": {"minimize": "noise_scale"}, "units": units})

    assert response.status_code == 201


def test_a_sweep_that_is_judged_by_time_trains_each_job_alone(api):
    sweep = api.post(
        "/v1/sweeps", json={"base": LINE, "objective": {"minimize": "training_seconds"}} | SEARCHED["sweeps"]
    )

    jobs = api.get("/v1/jobs", params={"sweep": sweep.raise_for_status().json()["id"]}).json()["data"]
    assert [job["spec"]["resources"]["alone"] for job in jobs] == [True, True]


@pytest.mark.parametrize(("other", "best"), [("cpu", True), ("another cpu", False)])
def test_a_sweep_has_no_best_time_on_different_hardware(api, worker, valkey, other, best):
    body = {"base": LINE, "objective": {"minimize": "training_seconds"}} | SEARCHED["sweeps"]
    sweep = api.post("/v1/sweeps", json=body).raise_for_status().json()["id"]
    for hardware in ("cpu", other):
        on_it = Supervisor(valkey.url, hardware)
        job = on_it.claim()
        on_it.advance(job, 100)
        on_it.succeed(job)
        on_it.close()

    assert (api.get(f"/v1/sweeps/{sweep}").json()["best"] is not None) is best


def test_an_objective_that_some_of_a_sweeps_jobs_have_is_one(api):
    axes = {"evaluation.formats": [[], ["bf16"]]}
    body = {"base": LINE, "axes": axes, "objective": {"minimize": "deployment.bf16.bytes"}}

    assert api.post("/v1/sweeps", json=body).status_code == 201


def test_what_is_measured_of_the_formats_that_were_asked_for_is_an_objective(api):
    base, units = LINE | {"evaluation": {"formats": ["fp32"]}}, {"batch_size": {"choices": [8, 16]}}
    body = {"base": base, "units": units, "objective": {"minimize": "deployment.latency_ms"}}

    assert api.post("/v1/studies", json=body).status_code == 201


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"axes": {"seed": [0, 1, 0, 1]}}, ["/axes/seed/2", "/axes/seed/3"]),
        ({"axes": {"units.learning_rate": [1, 0.5, 1.0]}}, ["/axes/units.learning_rate/2"]),
        ({"axes": {"labels": [{"a": "b"}, {"a": "b"}]}}, ["/axes/labels/1"]),
        ({"settings": [{"seed": 1}, {"seed": 2}, {"seed": 1}]}, ["/settings/2"]),
        (
            {"axes": {"units": [{}, {"batch_size": 8}], "units.learning_rate": [0.1, 0.2]}},
            ["/axes/units.learning_rate"],
        ),
        (
            {"settings": [{"seed": 1}, {"units.learning_rate": 0.1, "units": {"batch_size": 8}}]},
            ["/settings/1/units.learning_rate"],
        ),
        ({"axes": {"model.depth": [2, 3]}}, ["/axes/model.depth"]),
        ({"settings": [{"seed": 1}, {"model.depth": 3}]}, ["/settings/1/model.depth"]),
    ],
)
def test_a_sweep_blames_what_it_says_twice_or_cannot_do(refused, change, pointers):
    assert list(refused("sweeps", {"base": LINE} | change)) == pointers


def test_labels_with_dots_do_not_hold_each_other(api):
    body = {"base": LINE, "axes": {"labels.a": ["x", "y"], "labels.a.b": ["1", "2"]}}

    assert api.post("/v1/sweeps", json=body).raise_for_status().json()["counts"]["queued"] == 4


def test_true_and_one_are_two_values(api):
    body = {"base": LINE, "axes": {"seed": [1, 2], "resources.alone": [True, False]}}

    assert api.post("/v1/sweeps", json=body).status_code == 201


@pytest.mark.parametrize(
    ("units", "pointer", "words"),
    [
        ({"batch_size": {"choices": [8]}}, "/units/batch_size/choices", "put the value into base"),
        ({"batch_size": {"choices": [8, 16, 8]}}, "/units/batch_size/choices/2", "/units/batch_size/choices/0"),
        ({"batch_size": {"low": 8, "high": 16, "step": 100}}, "/units/batch_size/step", "a single value"),
        (
            {"units": {"choices": [{}, {"batch_size": 8}]}, "learning_rate": {"low": 0.1, "high": 1}},
            "/units/learning_rate",
            "`units` is set as well",
        ),
    ],
)
def test_a_study_blames_what_leaves_nothing_to_search(refused, units, pointer, words):
    [(blamed, detail)] = refused("studies", {"base": LINE, "units": units}).items()

    assert blamed == pointer
    assert words in detail


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"values": [32, 64, 32, 64]}, ["/values/2", "/values/3"]),
        ({"widths": [32, 32]}, ["/widths/1"]),
        ({"values": [32, 64], "parametrizations": ["sp", "sp"]}, ["/parametrizations/1"]),
        ({"values": [32, 64], "learning_rates": [1, 2, 1.0, 4]}, ["/learning_rates/2"]),
        ({"values": [32, 64], "learning_rates": {"sp": [1, 2, 2, 4]}}, ["/learning_rates/sp/2"]),
    ],
)
def test_a_transfer_blames_what_it_says_twice(refused, change, pointers):
    assert list(refused("transfers", {"base": TEXT} | change)) == pointers


def test_a_study_blames_a_choice_of_objects_on_its_unit(refused):
    units = {"model": {"choices": [{"width": 64}, {"width": 60}]}}

    assert set(refused("studies", {"base": TEXT, "units": units})) == {"/units/model"}


def test_of_two_campaigns_the_one_too_many_is_blamed(api):
    both = {"sweep": "sw_06g1m2c8kq7v3x9t4b5n", "transfer": "tr_06g1m2c8kq7v3x9t4b5n"}

    errors = api.get("/v1/jobs", params=both).json()["errors"]

    assert [each["pointer"] for each in errors] == ["?transfer"]
