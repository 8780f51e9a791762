"""Scaling laws over HTTP: of points, of jobs, and what is refused."""

import asyncio
import struct
import subprocess
import sys
import threading

import psutil
import pytest
from doubles import ADMIN

from app.scaling_laws.processes import Fits, _program
from unitscale.client import AsyncClient, Client
from unitscale.errors import Busy, ServiceError
from unitscale.models.document import moment
from unitscale.models.jobs import Result
from unitscale.models.scaling_laws import ScalingLawRequest
from unitscale.models.workers import Abilities, Slot, Worker
from unitscale.wire.attempts import Advance, Stretch

PATH = "/v1/scaling-laws"
TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "schedule": {"name": "cosine"},
    "units": {"learning_rate": 0.5, "parametrization": "u-mup", "batch_size": 16},
    "budget": {"steps": 100},
}
CONTEXT = 64


def loss_of(parameters, tokens):
    return 1.8 + 30 / parameters**0.3 + 60 / tokens**0.35


def points(sizes=5, lengths=4):
    grid = [(1e4 * 2**size, 1e6 * 2**length) for size in range(sizes) for length in range(lengths)]
    return [{"parameters": n, "tokens": d, "loss": round(loss_of(n, d), 5)} for n, d in grid]


def codes(answer):
    return [doubt["code"] for doubt in answer["warnings"]]


def fields(response):
    return {problem["pointer"]: problem["detail"] for problem in response.json()["errors"]}


@pytest.fixture
def trained(api, worker):
    """Hands in a job and ends it as if it had seen so many examples."""
    now = moment(1_760_000_000_000)
    slots, abilities = (Slot(devices=("cpu",), queue="cpu-1"),), Abilities(datasets=("shakespeare",))
    node = {"id": "w1", "started_at": now, "seen_at": now, "hardware": "x", "device": "cpu", "version": "0"}
    worker.run(worker.workers.describe(Worker(**node, slots=slots, abilities=abilities)))

    def train(parameters, examples, stopped_by="budget", caller=api, metrics=None, worse=1.0, rates=(), **changes):
        merged = {key: {**TEXT.get(key, {}), **value} for key, value in changes.items() if isinstance(value, dict)}
        job = caller.post("/v1/jobs", json=TEXT | changes | merged).raise_for_status().json()
        claimed = worker.claim()
        seen = Advance(step=100, steps=100, training_seconds=3.7, evaluation_seconds=0.1, examples=examples)
        curve = b"".join(struct.pack("<If", step, rate) for step, rate in rates)
        worker.run(worker.attempts.advance(claimed, seen, [Stretch("learning_rate", 0, curve)] if rates else []))
        loss = loss_of(parameters, examples * CONTEXT) * worse
        result = Result(stopped_by=stopped_by, parameters=parameters, val_loss=loss, metrics=metrics or {})
        worker.run(worker.attempts.succeed(claimed, result, ()))
        return job["id"]

    return train


@pytest.fixture
def grid(trained):
    """Nine jobs of three sizes and three numbers of tokens."""
    return [trained(4000 * 2**size, 500 * 2**length) for size in range(3) for length in range(3)]


def test_points_give_a_law_with_intervals_and_predictions(api):
    asked = {"points": points(), "predict": {"at": [{"parameters": 1e6, "tokens": 5e7}], "flops": [1e13]}}

    answer = api.post(PATH, json=asked).raise_for_status().json()

    [loss], [best] = answer["predictions"]["at"], answer["predictions"]["flops"]
    assert answer["fit"] == pytest.approx({"E": 1.8, "A": 30, "B": 60, "alpha": 0.3, "beta": 0.35}, rel=0.02)
    assert all(said["low"] <= answer["fit"][name] <= said["high"] for name, said in answer["intervals"].items())
    assert max(map(abs, answer["residuals"])) < 1e-4
    assert loss["loss"] == pytest.approx(loss_of(1e6, 5e7), rel=1e-3)
    assert loss["interval"]["low"] <= loss["loss"] <= loss["interval"]["high"]
    assert 6 * best["parameters"] * best["tokens"] == pytest.approx(1e13)
    assert best["tokens_interval"]["low"] <= best["tokens"] <= best["tokens_interval"]["high"]
    assert answer["warnings"] == []
    assert "6 · parameters · tokens" in answer["counting"]


def test_a_law_that_misses_its_points_says_that_it_does_not_fit(api):
    scattered = [point | {"loss": point["loss"] * (1.2 if place % 2 else 0.85)} for place, point in enumerate(points())]

    right, wrong = (
        api.post("/v1/scaling-laws", json={"points": given, "bootstrap": 0}).json() for given in (points(), scattered)
    )

    assert "poor_fit" not in codes(right)
    assert "poor_fit" in codes(wrong)
    assert wrong["spread"] > 0.05


def test_without_refits_there_are_no_intervals(api):
    answer = api.post(PATH, json={"points": points(), "bootstrap": 0, "predict": {"flops": [1e14]}}).json()

    assert answer["intervals"] == {}
    assert answer["predictions"]["flops"][0]["loss_interval"] is None


def test_kaplans_form_has_its_own_numbers(api):
    answer = api.post(PATH, json={"points": points(), "form": "kaplan", "bootstrap": 50}).json()

    assert list(answer["fit"]) == list(answer["intervals"]) == ["N_c", "D_c", "alpha_N", "alpha_D"]


def test_jobs_give_points_that_say_how_they_are_counted(api, trained):
    jobs = [trained(4000 * 2**size, 500 * 2**length) for size in range(4) for length in range(4)]

    answer = api.post(PATH, json={"jobs": jobs}).raise_for_status().json()

    assert answer["points"][5] == {
        "parameters": 8000,
        "tokens": 1000 * CONTEXT,
        "loss": pytest.approx(loss_of(8000, 64_000)),
        "job": jobs[5],
    }
    assert answer["fit"]["alpha"] == pytest.approx(0.3, rel=0.02)
    assert "embeddings and output layer included" in answer["counting"]
    assert codes(answer) == []


def test_a_plateau_that_fell_is_no_reason_to_doubt(api, grid, trained):
    fell = trained(5000, 700, schedule={"name": "plateau"}, rates=[(50, 0.5), (100, 0.125)])

    answer = api.post(PATH, json={"jobs": [*grid, fell], "bootstrap": 0}).raise_for_status().json()

    assert "undecayed_schedule" not in codes(answer)


def test_jobs_of_another_project_do_not_exist(api, server, worker, grid, trained):
    worker.admit("us_stranger", "other")
    with server.client("us_stranger") as stranger:
        theirs = trained(4000, 500, caller=stranger)

    gone = "job_00000000000000000000"
    response = api.post(PATH, json={"jobs": [*grid[:3], theirs, gone, *grid[3:]]})

    assert response.status_code == 404
    assert fields(response) == {"/jobs/3": f"There is no job {theirs}.", "/jobs/4": f"There is no job {gone}."}


def test_unfinished_jobs_are_refused_by_name(api, grid):
    waiting = [api.post("/v1/jobs", json=TEXT).json()["id"] for _ in range(2)]

    response = api.post(PATH, json={"jobs": [waiting[0], *grid, waiting[1]]})

    assert response.status_code == 409
    assert fields(response).keys() == {"/jobs/0", "/jobs/10"}
    assert f"Job {waiting[1]} is queued" in fields(response)["/jobs/10"]


def test_jobs_that_are_no_points_are_refused_by_name(api, worker, grid):
    failed = api.post("/v1/jobs", json=TEXT).json()["id"]
    worker.fail(worker.claim())
    line = api.post("/v1/jobs", json={"task": "regression"}).json()["id"]
    worker.succeed(worker.claim(), val_loss=0.5)

    response = api.post(PATH, json={"jobs": [failed, *grid, line]})

    assert response.status_code == 422
    assert response.json()["type"] == "no_law"
    assert "is failed" in fields(response)["/jobs/0"]
    assert "is regression, which counts no tokens" in fields(response)["/jobs/10"]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        (
            {"schedule": {"name": "constant"}},
            "undecayed_schedule",
            "1 runs ended before their learning rate had fallen",
        ),
        ({"stopped_by": "max_seconds"}, "undecayed_schedule", "1 runs ended before their learning rate had fallen"),
        (
            {"schedule": {"name": "cosine", "final_fraction": 0.9}},
            "undecayed_schedule",
            "1 runs ended before their learning rate had fallen",
        ),
        (
            {"schedule": {"name": "plateau"}, "rates": [(50, 0.5), (100, 0.5)]},
            "undecayed_schedule",
            "1 runs ended before their learning rate had fallen",
        ),
        ({"dataset": "shakespeare"}, "mixed_datasets", "data sets: grammar, shakespeare"),
        ({"data": {"tokenizer": "bpe"}}, "mixed_tokenizers", "tokenizers: characters, bpe 4096"),
        ({"model": {"context": 32}}, "mixed_contexts", "contexts: 64, 32"),
        ({"task": "masked-language-modeling"}, "mixed_tasks", "tasks: text-generation, masked-language-modeling"),
        ({"data": {"fraction": 0.001}}, "repeated_data", "1 runs pass over their text more than 4 times"),
        (
            {"units": {"learning_rate": 0.1}, "parameters": 4000, "examples": 500, "worse": 1.1},
            "untuned_rates",
            "leave",
        ),
    ],
)
def test_what_jobs_have_not_in_common_is_said(api, grid, trained, changes, code, words):
    changes = {"parameters": 5000, "examples": 700, **changes}
    odd = trained(changes.pop("parameters"), changes.pop("examples"), **changes)

    answer = api.post(PATH, json={"jobs": [*grid, odd], "bootstrap": 0}).raise_for_status().json()

    [doubt] = [doubt for doubt in answer["warnings"] if doubt["code"] == code]
    assert words in doubt["detail"]


def test_one_rate_for_all_widths_is_said_under_sp_alone(api, trained):
    def answer(**units):
        jobs = [
            trained(width * 500, 500 * 2**length, model={"width": width}, units=units)
            for width in (16, 32, 64)
            for length in range(3)
        ]
        return codes(api.post(PATH, json={"jobs": jobs, "bootstrap": 0}).json())

    assert "untuned_rates" in answer(parametrization="sp", learning_rate=0.01)
    assert "untuned_rates" not in answer(parametrization="u-mup")


def test_pieces_are_counted_when_passes_over_a_text_are(api, grid, trained):
    bits = loss_of(5000, 20_000 * CONTEXT) / 0.6931 / 4
    odd = trained(5000, 20_000, data={"tokenizer": "bpe"}, metrics={"bits_per_character": bits})

    answer = api.post(PATH, json={"jobs": [*grid, odd], "bootstrap": 0}).json()

    [doubt] = [doubt for doubt in answer["warnings"] if doubt["code"] == "repeated_data"]
    assert doubt["points"] == [9]
    assert "up to 28.4" in doubt["detail"]


@pytest.mark.parametrize(
    ("asked", "pointer", "words"),
    [
        ({}, "", "give points, or jobs"),
        ({"points": points(), "jobs": ["job_06g1m2c8kq7v3x9t4b5n"]}, "", "give points, or jobs"),
        ({"points": points()[:5]}, "/points", "needs 6 points at the least"),
        ({"points": points(1, 8)}, "/points", "All have the same parameters"),
        ({"points": points(8, 1)}, "/points", "All have the same tokens"),
        ({"points": [*points(), {"parameters": 1e6, "tokens": 1e6, "loss": 0}]}, "/points/20/loss", "greater"),
        ({"points": [*points(), {"parameters": 1e6, "tokens": 1e6}]}, "/points/20/loss", "required"),
        ({"jobs": ["job_06g1m2c8kq7v3x9t4b5n"] * 2}, "/jobs", "twice"),
        ({"points": points(), "bootstrap": 7}, "/bootstrap", "50"),
        ({"points": points(40, 30), "bootstrap": 900}, "", "833 times"),
        ({"points": points(), "form": "linear"}, "/form", "chinchilla"),
        ({"points": points(), "predict": {"flops": [0]}}, "/predict/flops/0", "greater"),
    ],
)
def test_what_no_law_can_be_fitted_to_is_refused_with_its_place(api, asked, pointer, words):
    response = api.post(PATH, json=asked)

    assert response.status_code == 422
    assert words in fields(response)[pointer]


def test_other_requests_are_answered_while_a_law_is_fitted(api, server):
    answered = threading.Event()
    status = []

    def fit():
        with server.client() as other:
            status.append(other.post(PATH, json={"points": points(40, 30), "bootstrap": 300}).status_code)
        answered.set()

    thread = threading.Thread(target=fit)
    thread.start()
    served = 0
    while not answered.is_set():
        assert api.get("/v1/catalog").status_code == 200
        served += 0 if answered.is_set() else 1
    thread.join()

    assert status == [200]
    assert served > 10


async def test_both_clients_ask_alike(server):
    wanted = ScalingLawRequest.model_validate({"points": points(), "bootstrap": 50, "predict": {"flops": [1e13]}})

    with Client(server.url, ADMIN) as client:
        law = client.fit_scaling_law(wanted)
    async with AsyncClient(server.url, ADMIN) as client:
        again = await client.fit_scaling_law(wanted.model_dump(exclude_unset=True))

    assert law == again
    assert law.fit["beta"] == pytest.approx(0.35, rel=0.02)


def test_the_api_starts_without_what_fits_need():
    said = subprocess.run(
        [sys.executable, "-c", "import sys, app.main; print(*sys.modules)"], capture_output=True, text=True, check=True
    )

    assert "app.scaling_laws.processes" in said.stdout.split()
    assert {"numpy", "scipy"}.isdisjoint(said.stdout.split())


def test_a_key_that_may_only_read_may_ask(server, worker):
    worker.admit("us_reader", "default", "read")

    with server.client("us_reader") as reader:
        assert reader.post(PATH, json={"points": points(), "bootstrap": 0}).status_code == 200


QUESTION = {"form": "chinchilla", "bootstrap": 2000, "seed": 0, "at": [], "flops": []}


async def test_a_fit_that_takes_too_long_is_given_up_and_its_process_ended():
    before = set(psutil.Process().children())
    asked = asyncio.create_task(Fits(longest_seconds=1).answer(QUESTION | {"points": []}))
    while not (born := set(psutil.Process().children()) - before):  # noqa: ASYNC110 - nothing tells of a birth
        await asyncio.sleep(0)
    born.pop().suspend()  # it never answers, however fast the machine

    with pytest.raises(Busy):
        await asked

    assert set(psutil.Process().children()) <= before


async def test_the_next_fit_is_made_when_one_has_gone_wrong():
    fits = Fits()

    with pytest.raises(ServiceError):
        await fits.answer(QUESTION | {"points": []})

    assert (await fits.answer(QUESTION | {"points": [list(point.values()) for point in points()]}))["fit"]


async def test_what_fits_knows_no_secret(monkeypatch):
    monkeypatch.setenv("UNITSCALE_API_KEY", "us_secret")

    async with _program() as process:
        environ = psutil.Process(process.pid).environ()

    assert "PYTHONPATH" in environ
    assert "us_secret" not in environ.values()
