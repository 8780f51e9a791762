"""What a sweep, a study or a transfer cannot ask for: refused at once, by the field as it was sent."""

import pytest

LINE = {"task": "regression", "dataset": "linear", "optimizer": {"name": "sgd"}, "budget": {"steps": 100}}
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
