"""Curves over HTTP: whole, new, sampled, exported."""

import pytest


@pytest.fixture
def running(api, job, worker):
    claimed = worker.claim()
    worker.advance(claimed, 3, train_loss=[(1, 4.0), (2, 2.0), (3, 1.0)], val_loss=[(3, 1.5)])
    return claimed


def test_all_points_are_there(api, running):
    answer = api.get(f"/v1/jobs/{running.id}/curves").json()

    assert answer["last_step"] == 3
    assert answer["ended"] is False
    assert answer["curves"]["train_loss"] == {
        "step": [1, 2, 3],
        "value": [4.0, 2.0, 1.0],
        "min": None,
        "max": None,
        "sampled": False,
    }
    assert answer["curves"]["val_loss"]["step"] == [3]


def test_only_new_points_are_sent(api, running):
    answer = api.get(f"/v1/jobs/{running.id}/curves?after_step=2&keys=train_loss").json()

    assert answer["curves"]["train_loss"]["step"] == [3]
    assert list(answer["curves"]) == ["train_loss"]
    assert api.get(f"/v1/jobs/{running.id}/curves?after_step=9").json()["last_step"] == 9


def test_points_of_a_write_that_goes_on_wait(api, running, worker):
    worker.advance(running, 3, train_loss=[(4, 0.5)])

    assert api.get(f"/v1/jobs/{running.id}/curves").json()["curves"]["train_loss"]["step"] == [1, 2, 3]


def test_what_is_not_finite_is_null(api, running, worker):
    worker.advance(running, 5, train_loss=[(4, float("nan")), (5, float("inf"))])

    assert api.get(f"/v1/jobs/{running.id}/curves?after_step=3").json()["curves"]["train_loss"]["value"] == [None, None]


def test_long_curves_are_sampled(api, running, worker):
    worker.advance(running, 1003, train_loss=[(step, 9.0 if step == 700 else 0.0) for step in range(4, 1004)])

    curve = api.get(f"/v1/jobs/{running.id}/curves?max_points=20&keys=train_loss").json()["curves"]["train_loss"]

    assert curve["sampled"] is True
    assert len(curve["step"]) <= 20
    assert (curve["step"][0], curve["step"][-1]) == (1, 1003)
    assert curve["value"][curve["step"].index(700)] == 9.0


def test_csv_holds_every_point(api, running):
    response = api.get(f"/v1/jobs/{running.id}/curves", headers={"Accept": "text/csv"})

    assert response.headers["content-type"].startswith("text/csv")
    header, first, *rest = response.text.splitlines()
    assert header == "attempt,step,time,key,value"
    attempt, step, time, key, value = first.split(",")
    assert (attempt, step, key, float(value)) == ("1", "1", "train_loss", 4.0)
    assert time.endswith("Z")
    assert len(rest) == 3


@pytest.mark.parametrize("query", ["keys=A", "keys=", "max_points=1", "after_step=-1", "max_points=10001"])
def test_a_bad_question_is_refused(api, running, query):
    assert api.get(f"/v1/jobs/{running.id}/curves?{query}").status_code == 422
