"""Errors are problem documents that say where and why."""

import pytest
from doubles import SPEC

from app.errors import STATUS
from unitscale.errors import ServiceError, descendants


@pytest.mark.parametrize("kind", descendants(ServiceError))
def test_every_error_has_a_status(kind):
    assert any(base in STATUS for base in kind.__mro__)


def sent(api, content: bytes | str):
    return api.post("/v1/jobs", content=content, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"units": {"learning_rate": -1}}, "/units/learning_rate"),
        ({"units": {"learning_rat": 1}}, "/units/learning_rat"),
        ({"optimizer": {"name": "adamw", "momentum": 0.5}}, "/optimizer"),
        ({"labels": {"a b": "c"}}, "/labels/a b"),
        ({"budget": {"epochs": 1, "steps": 1}}, "/budget"),
        ({"units": {"precision": "fp8"}}, "/units/precision"),
        ({"evaluation": {"formats": ["fp32", "fp7"]}}, "/evaluation/formats/1"),
        ({"a/b~c": 1}, "/a~1b~0c"),
    ],
)
def test_a_problem_points_into_the_body(api, change, pointer):
    response = api.post("/v1/jobs", json={**SPEC, **change})

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_a_missing_field_is_named(api):
    assert sent(api, "{}").json()["errors"][0]["pointer"] == "/task"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("limit=0", "?limit"), ("limti=3", "?limti"), ("cursor=!", "?cursor"), ("cursor=x", "?cursor")],
)
def test_a_problem_points_into_the_query(api, query, pointer):
    response = api.get(f"/v1/jobs?{query}")

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == pointer


RANGE = {"learning_rate": {"low": 0.1, "high": 1}}
NEITHER = "give a range (low, high) or a list of choices"
TASKS = "'regression', 'image-classification', 'text-generation', 'masked-language-modeling', 'translation', "
TASKS += "'question-answering' or 'speech-recognition'"


@pytest.mark.parametrize(
    ("noun", "change", "pointer", "detail"),
    [
        ("jobs", {"units": {"learning_rate": "fast"}}, "/units/learning_rate", "Input should be a number or 'auto'"),
        ("jobs", {"units": {"learning_rate": -1}}, "/units/learning_rate", "Input should be greater than 0, or 'auto'"),
        (
            "jobs",
            {"units": {"batch_size": 1.5}},
            "/units/batch_size",
            "Input should be a whole number or 'full' or 'auto'",
        ),
        (
            "jobs",
            {"units": {"optimizer": 1}},
            "/units/optimizer",
            "There is no field `units.optimizer`. Did you mean `optimizer`?",
        ),
        ("jobs", {"units": [1]}, "/units", "Input should be an object"),
        ("jobs", {"task": "No such!"}, "/task", f"Input should be {TASKS}"),
        ("jobs", {"task": 5}, "/task", f"Input should be {TASKS}"),
        (
            "studies",
            {"objective": "loss"},
            "/objective",
            "give a measure to minimize or maximize, or a list of two such",
        ),
        ("studies", {"objective": {"minimise": "a"}}, "/objective/minimise", "There is no field `minimise` here."),
        ("studies", {"objective": {}}, "/objective", "give one of minimize or maximize"),
        ("studies", {"objective": []}, "/objective", "List should have at least 1 item, not 0"),
        ("studies", {"objective": [{}]}, "/objective/0", "give one of minimize or maximize"),
        ("studies", {"units": {"learning_rate": 0.1}}, "/units/learning_rate", NEITHER),
        ("studies", {"units": {"learning_rate": [0.1, 1]}}, "/units/learning_rate", NEITHER),
        ("studies", {"units": {"learning_rate": {"choice": [1]}}}, "/units/learning_rate", NEITHER),
        ("studies", {"units": {"learning_rate": {"low": 1}}}, "/units/learning_rate/high", "Field required"),
        (
            "studies",
            {"units": {"learning_rate": {"low": "a", "high": 1}}},
            "/units/learning_rate/low",
            "Input should be a number",
        ),
        (
            "studies",
            {"units": {"learning_rate": {"choices": [1, 2], "low": 1}}},
            "/units/learning_rate/low",
            "There is no field `low` here.",
        ),
        ("jobs", {"lr": 0.1}, "/lr", "There is no field `lr`. Did you mean `units.learning_rate`?"),
        ("jobs", {"units": {"lr": 0.1}}, "/units/lr", "Did you mean `units.learning_rate`?"),
        ("jobs", {"batch_size": 8}, "/batch_size", "Did you mean `units.batch_size`?"),
        ("jobs", {"epochs": 8}, "/epochs", "Did you mean `budget.epochs`?"),
        ("jobs", {"steps": 8}, "/steps", "Did you mean `budget.steps`?"),
        ("jobs", {"xyzzy": 8}, "/xyzzy", "There is no field `xyzzy`."),
        ("jobs", {"dataset": "houses.csv"}, "/dataset", "the id, ds_…, that an upload was given"),
        ("studies", {"base": SPEC | {"lr": 1}}, "/base/lr", "Did you mean `units.learning_rate`?"),
        (
            "studies",
            {"units": {"learning_rat": {"low": 0.1, "high": 1}}},
            "/units/learning_rat",
            "`units.learning_rate`?",
        ),
        ("advice", {"spec": SPEC | {"optimiser": 1}}, "/spec/optimiser", "Did you mean `optimizer`?"),
        ("sweeps", {"axes": {"units.learning_rat": [1]}}, "/axes/units.learning_rat", "`units.learning_rate`?"),
        ("sweeps", {"axes": {"seed": [0, -1]}}, "/axes/seed", "greater than or equal to 0; it is -1."),
        ("sweeps", {"axes": {"units.learning_rate": ["fast"]}}, "/axes/units.learning_rate", "a number or 'auto'"),
        ("transfers", {"learning_rates": {"sp": [1, -2, 3]}}, "/learning_rates/sp/1", "Input should be greater than 0"),
        ("transfers", {"learning_rates": "x"}, "/learning_rates", "Input should be a list or an object"),
        ("transfers", {"learning_rates": [1, 2]}, "/learning_rates", "List should have at least 3 items, not 2"),
    ],
)
def test_of_a_value_that_may_be_several_things_one_error_says_which(api, noun, change, pointer, detail):
    bodies = {
        "jobs": SPEC,
        "studies": {"base": SPEC, "units": RANGE},
        "advice": {},
        "sweeps": {"base": SPEC},
        "transfers": {"base": SPEC, "values": [8, 16]},
    }

    [error] = api.post(f"/v1/{noun}", json=bodies[noun] | change).json()["errors"]

    assert error["pointer"] == pointer
    assert detail in error["detail"]


def test_of_a_body_full_of_mistakes_the_first_fifty_are_told(api):
    errors = api.post("/v1/sweeps", json={"base": SPEC, "settings": [{"Bad": 0}] * 1000}).json()["errors"]

    assert [error["pointer"] for error in errors] == [f"/settings/{number}/Bad" for number in range(50)]


def test_a_problem_points_to_a_header(api):
    response = api.post("/v1/jobs", json=SPEC, headers={"Idempotency-Key": "x" * 256})

    assert response.json()["errors"][0]["pointer"] == "Idempotency-Key:"


@pytest.mark.parametrize(
    "body",
    [
        '{"task":',
        '{"task": "regression", "seed": NaN}',
        '{"task": "regression", "name": "\\ud800"}',
        b'{"task": "\xff"}',
        "[" * 50_000,
        '{"task": ' + "9" * 5000 + "}",
        "",
        "null",
        '"regression"',
        "\x00",
    ],
)
def test_a_body_that_is_no_spec_is_422(api, body):
    response = sent(api, body)

    assert response.status_code == 422
    assert response.json()["errors"]


def test_not_a_number_is_refused_in_predictions_too(api, job):
    path = f"/v1/jobs/{job['id']}/predictions"
    response = api.post(path, content='{"inputs": [[NaN]]}', headers={"Content-Type": "application/json"})

    assert response.status_code == 422


def test_a_large_body_is_413(api):
    assert sent(api, b" " * 200_000).json()["type"] == "too_large"
    assert sent(api, (b" " * 50_000 for _ in range(4))).status_code == 413


@pytest.mark.parametrize(("verb", "path", "status"), [("GET", "/v1/nothing", 404), ("PUT", "/v1/jobs", 405)])
def test_what_is_not_there_is_a_problem_too(api, verb, path, status):
    response = api.request(verb, path)

    assert response.status_code == response.json()["status"] == status
    assert response.headers["content-type"] == "application/problem+json"


def test_a_malformed_id_names_nothing(api):
    assert api.get("/v1/jobs/job_1").json()["type"] == "not_found"


def test_the_request_id_comes_back(api):
    response = api.get("/v1/nothing", headers={"X-Request-ID": "mine-1"})

    assert response.headers["x-request-id"] == response.json()["request_id"] == "mine-1"


def test_a_strange_request_id_is_replaced(api):
    assert api.get("/v1/jobs", headers={"X-Request-ID": "a b<c>"}).headers["x-request-id"] != "a b<c>"


def test_an_unforeseen_error_tells_nothing_of_the_inside(serve, settings):
    server = serve(settings)

    @server.app.get("/breaks")
    async def breaks():
        raise RuntimeError("secret")

    with server, server.client() as client:
        response = client.get("/breaks")

    assert response.status_code == 500
    assert "secret" not in response.text
    assert response.headers["x-request-id"] == response.json()["request_id"]
