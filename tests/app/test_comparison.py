"""Comparisons over HTTP: any jobs, what differs, what is best, their curves, in three forms."""

import csv
import io

import pytest
from doubles import SPEC


@pytest.fixture
def submitted(api):
    """Submits a job that differs from the plain one in these fields."""

    def submit(**spec: object):
        return api.post("/v1/jobs", json={**SPEC, **spec}).raise_for_status().json()["id"]

    return submit


@pytest.fixture
def trained(submitted, worker):
    """A job that has succeeded with these measures, and its curves."""

    def train(spec=None, curves=None, seconds_a_step=0.1, **result: object):
        job_id = submitted(**(spec or {}))
        claimed = worker.claim()
        assert claimed.id == job_id
        worker.advance(claimed, 100, seconds_a_step=seconds_a_step, **(curves or {}))
        worker.succeed(claimed, **result)
        return job_id

    return train


@pytest.fixture
def compared(api):
    def compare(*ids: str, **more: object):
        answer = api.get("/v1/compare", params={"jobs": ",".join(ids), **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    return compare


FALLING = [(step, 1.0 / step) for step in range(1, 101)]


def test_fields_are_kept_apart_from_measures(trained, compared):
    ids = [
        trained({"units": {"learning_rate": rate}, "labels": {"team": team}}, val_loss=loss, metrics={"r2": 1 - loss})
        for rate, team, loss in [(0.1, "a", 0.5), (0.2, "b", 0.25)]
    ]

    answer = compared(*ids)

    assert answer["fields"] == {"units.learning_rate": [0.1, 0.2], "labels.team": ["a", "b"]}
    assert answer["measures"]["val_loss"] == [0.5, 0.25]
    assert answer["measures"]["metrics.r2"] == [0.5, 0.75]
    assert answer["curves"] == {}
    assert answer["to_loss"] is None


def test_the_best_is_the_lowest_loss_and_the_highest_score(trained, compared):
    ids = [trained(val_loss=loss, metrics={"r2": 0.5}, price=loss) for loss in (0.5, 0.25, 0.25)]

    told = compared(*ids)["best"]

    assert told["val_loss"] == {"better": "lower", "jobs": ids[1:]}
    assert told["metrics.r2"] == {"better": "higher", "jobs": []}
    assert "parameters" not in told


def test_losses_on_other_data_have_no_best(trained, compared):
    ids = [
        trained({"dataset": name}, val_loss=loss, price=loss, metrics={"r2": -loss} if name == "linear" else {})
        for name, loss in [("linear", 0.5), ("diabetes", 0.25), ("linear", 0.125)]
    ]

    answer = compared(*ids)

    assert answer["best"]["val_loss"]["jobs"] == []
    assert answer["best"]["price"]["jobs"] == answer["best"]["metrics.r2"]["jobs"] == ids[2:]
    assert answer["remarks"] == ["The jobs differ in dataset, so none is called best in val_loss."]


def test_an_unfinished_job_is_shown_with_what_it_has(submitted, trained, compared, worker):
    done = trained(val_loss=0.5)
    waiting, running = submitted(priority="low"), submitted()
    claimed = worker.claim()
    worker.advance(claimed, 20, train_loss=[(step, 1.0 / step) for step in range(1, 22)])

    answer = compared(done, running, waiting, keys="train_loss")

    assert [job["state"] for job in answer["jobs"]] == ["succeeded", "running", "queued"]
    assert [job["progress"]["fraction"] for job in answer["jobs"]] == [1, 0.2, 0]
    assert answer["jobs"][1]["latest"] == {"train_loss": pytest.approx(1 / 20)}
    assert answer["measures"]["val_loss"] == [0.5, None, None]
    none, some, nothing = (job["value"] for job in answer["curves"]["train_loss"]["jobs"])
    assert len(some) == 20
    assert set(none) == set(nothing) == {None}


def test_a_failed_job_says_why(submitted, compared, worker):
    job_id = submitted()
    worker.fail(worker.claim(), "diverged")

    [job] = compared(job_id)["jobs"]

    assert (job["state"], job["reason"]["code"]) == ("failed", "diverged")


def test_jobs_with_a_label_are_compared_oldest_first(submitted, compared, api):
    first, _, third = (submitted(labels={"set": name}) for name in "aba")
    named = submitted()

    answer = api.get("/v1/compare", params={"jobs": f"{named},{third}", "label": "set:a"}).json()

    assert [job["id"] for job in answer["jobs"]] == [named, third, first]


@pytest.mark.parametrize(
    "query",
    [
        *("", "jobs=", "jobs=job_1", "label=a", "sweep=x", "study=st_1", "label=a:b&format=xml", "label=a:b&smooth=1"),
        *("label=a:b&align=epochs", "label=a:b&to_loss=nan", "label=a:b&limit=0", "label=a:b&keys=A"),
        *("label=a:b&sort=-", "label=a:b&sort=--a", "label=a:b&max_points=1", "label=a:b&of=A"),
    ],
)
def test_a_bad_question_about_jobs_is_refused(api, submitted, query):
    submitted(labels={"a": "b"})

    assert api.get(f"/v1/compare?{query}").status_code == 422


@pytest.mark.parametrize("query", ["label=a:b", f"sweep=sw_{0:020}", f"study=st_{0:020}", f"jobs=job_{0:020}"])
def test_what_is_not_there_is_404(api, query):
    assert api.get(f"/v1/compare?{query}").status_code == 404


def test_a_strangers_job_among_ones_own_does_not_exist(server, worker, submitted):
    theirs = submitted(labels={"set": "a"})
    worker.admit("us_other", "other")
    with server.client("us_other") as other:
        mine = other.post("/v1/jobs", json={**SPEC, "labels": {"set": "a"}}).json()["id"]

        response = other.get(f"/v1/compare?jobs={mine},{theirs}")

        assert response.status_code == 404
        assert [error["pointer"] for error in response.json()["errors"]] == ["?jobs"]
        assert [job["id"] for job in other.get("/v1/compare?label=set:a").json()["jobs"]] == [mine]


def test_a_thousand_jobs_are_compared(api, submitted, worker):
    ids = worker.copies(submitted(labels={"set": "a"}), 1024)

    named = api.get("/v1/compare", params={"jobs": ",".join(ids), "keys": "train_loss"})

    assert named.status_code == 200, named.text
    assert [job["id"] for job in named.json()["jobs"]] == ids
    assert len(named.json()["curves"]["train_loss"]["jobs"]) == 1024


def test_more_are_refused_and_not_cut_off(api, submitted, worker):
    worker.copies(submitted(labels={"set": "a"}), 1024)

    answer = api.get("/v1/compare?label=set:a")

    assert answer.status_code == 422
    assert "1024" in answer.json()["errors"][0]["detail"]


def test_more_places_than_an_answer_has_room_for_are_refused(api, submitted, worker):
    ids = worker.copies(submitted(), 200)

    answer = api.get("/v1/compare", params={"jobs": ",".join(ids), "keys": "train_loss", "max_points": 5001})

    assert answer.status_code == 422
    assert "at most 5000" in answer.json()["errors"][0]["detail"]


def test_jobs_are_sorted_by_a_measure_best_first(trained, submitted, compared):
    ids = [trained(val_loss=loss, metrics={"r2": -loss}) for loss in (0.5, 0.25, 0.75)] + [submitted()]

    by_loss, by_score, backwards = (
        [ids.index(job["id"]) for job in compared(*ids, sort=sort)["jobs"]]
        for sort in ("val_loss", "metrics.r2", "-val_loss")
    )

    assert by_loss == by_score == [1, 0, 2, 3]
    assert backwards == [2, 0, 1, 3]


def test_a_limit_keeps_what_was_found_among_all(trained, compared):
    ids = [trained({"seed": seed}, val_loss=loss) for seed, loss in [(0, 0.5), (1, 0.25), (2, 0.75)]]

    answer = compared(*ids, sort="-val_loss", limit=2)

    assert (answer["total"], answer["fields"]["seed"]) == (3, [2, 0])
    assert answer["best"]["val_loss"]["jobs"] == [ids[1]]


def test_what_cannot_be_sorted_by_is_told_with_what_can(api, trained):
    answer = api.get("/v1/compare", params={"jobs": trained(val_loss=1.0), "sort": "vall_oss"})

    assert answer.status_code == 422
    assert "val_loss" in answer.json()["errors"][0]["detail"]


def test_curves_are_aligned_by_time_where_jobs_run_at_different_speeds(trained, compared):
    slow = trained(curves={"train_loss": FALLING}, seconds_a_step=0.4)
    fast = trained(curves={"train_loss": FALLING}, seconds_a_step=0.1)

    drawn = compared(slow, fast, keys="train_loss", align="time", max_points=101)["curves"]["train_loss"]

    assert (drawn["x"][0], drawn["x"][-1]) == pytest.approx((0.1, 40))
    at = min(range(101), key=lambda place: abs(drawn["x"][place] - 8))
    values = [job["value"][at] for job in drawn["jobs"]]
    assert values == pytest.approx([0.4 / drawn["x"][at], 0.1 / drawn["x"][at]], rel=0.05)
    ended = [x for x, value in zip(drawn["x"], drawn["jobs"][1]["value"], strict=True) if value is None and x > 1]
    assert min(ended) > 10


def test_the_time_to_a_loss_is_told_with_the_speed_up(trained, compared):
    slow = trained(curves={"train_loss": FALLING}, seconds_a_step=0.4)
    fast = trained(curves={"train_loss": FALLING[:50]}, seconds_a_step=0.1)
    never = trained(curves={"train_loss": FALLING[:5]})

    told = compared(slow, fast, never, to_loss=0.1, of="train_loss")["to_loss"]

    assert told["step"] == [10, 10, None]
    assert told["seconds"] == pytest.approx([4, 1, None])
    assert told["examples"] == [40, 40, None]
    assert told["speed_up"]["seconds"] == pytest.approx([1, 4, None])
    assert told["relative_to"] == slow


def test_a_resumed_job_has_no_gap(submitted, compared, worker):
    """Points past the checkpoint are taken again by the second attempt, whose marks follow those of the first."""
    job_id = submitted()
    claimed = worker.claim()
    worker.advance(claimed, 40, train_loss=FALLING[:40])
    worker.run(
        worker.attempts.publish(
            claimed,
            {
                "step": 30,
                "attempt": 1,
                "folder": "x",
                "bytes": 1,
                "points": {"train_loss": 30},
                "training_seconds": 3.0,
                "examples": 120,
            },
        )
    )
    worker.run(worker.attempts.release(claimed))
    again = worker.claim()
    worker._points[job_id, "train_loss"] = 30
    worker.advance(again, 100, train_loss=FALLING[30:])
    worker.succeed(again)

    answer = compared(job_id, keys="train_loss", align="time")

    assert answer["jobs"][0]["attempt"] == 2
    drawn = answer["curves"]["train_loss"]
    assert drawn["x"] == pytest.approx([step / 10 for step in range(1, 101)])
    assert drawn["jobs"][0]["value"] == pytest.approx([value for _, value in FALLING])


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ({"keys": "train_loss,vall_oss"}, ["?keys"]),
        ({"of": "los", "to_loss": 1}, ["?of"]),
        ({"of": "los"}, ["?of"]),
        ({"keys": "a,b", "of": "los"}, ["?keys", "?keys", "?of"]),
    ],
)
def test_curves_that_no_job_has_are_refused_with_those_that_there_are(api, trained, query, pointers):
    ids = [trained(curves={"train_loss": FALLING}), trained(curves={"noise_scale": FALLING})]

    answer = api.get("/v1/compare", params={"jobs": ",".join(ids)} | query)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers
    assert "noise_scale, train_loss" in answer.json()["errors"][0]["detail"]


def test_a_curve_that_a_running_job_may_still_have_is_said_to_be_missing(submitted, compared, worker):
    job_id = submitted()
    worker.advance(worker.claim(), 50, train_loss=FALLING[:50])

    answer = compared(job_id, keys="noise_scale,train_loss", to_loss=1, of="noise_scale")

    assert answer["curves"]["noise_scale"] == {
        "align": "step",
        "x": [],
        "smoothing": None,
        "jobs": [{"value": [], "min": [], "max": []}],
    }
    assert [remark.split("curve ")[1].split()[0] for remark in answer["remarks"]] == ["noise_scale"] * 2


def test_a_loss_that_no_job_came_to_is_said_to_be_missing(trained, compared):
    answer = compared(trained(), keys="val_loss")

    assert "None of these jobs has a curve val_loss" in answer["remarks"][0]


def test_jobs_without_tokens_are_not_drawn_along_them(trained, compared):
    answer = compared(trained(curves={"train_loss": FALLING}), keys="train_loss", align="tokens")

    assert answer["remarks"] == ["None of these jobs has a curve train_loss to draw along tokens."]


def test_smoothing_is_named_in_the_answer(trained, compared):
    job_id = trained(curves={"train_loss": FALLING})

    drawn = compared(job_id, keys="train_loss", smooth=0.9)["curves"]["train_loss"]

    assert drawn["smoothing"] == {"method": "ema", "weight": 0.9}
    assert drawn["jobs"][0]["value"][1] == pytest.approx((0.9 * 1 + 0.5) / 1.9)
    assert drawn["jobs"][0]["max"][1] == 0.5


@pytest.mark.parametrize(("query", "accept"), [("&format=csv", "*/*"), ("", "text/csv")])
def test_csv_is_one_row_a_job(api, trained, query, accept):
    ids = [trained({"seed": seed, "name": name}, val_loss=0.5) for seed, name in [(0, "a, b"), (1, "=1+1")]]

    answer = api.get(f"/v1/compare?jobs={','.join(ids)}{query}", headers={"Accept": accept})
    rows = list(csv.DictReader(io.StringIO(answer.text)))

    assert answer.headers["content-type"].startswith("text/csv")
    assert [row["id"] for row in rows] == ids
    assert [row["name"] for row in rows] == ["a, b", "'=1+1"]
    assert [row["field:seed"] for row in rows] == ["0", "1"]
    assert [float(row["measure:val_loss"]) for row in rows] == [0.5, 0.5]


def test_csv_of_curves_is_one_row_a_place(api, trained):
    ids = [trained(curves={"train_loss": FALLING}), trained(curves={"train_loss": FALLING[:40]})]

    text = api.get("/v1/compare", params={"jobs": ",".join(ids), "keys": "train_loss", "format": "csv"}).text
    rows = list(csv.DictReader(io.StringIO(text)))

    assert len(rows) == 140
    value = dict.fromkeys(("value", "min", "max"), "0.00999999978")
    assert rows[99] == {"job": ids[0], "key": "train_loss", "step": "100", **value}


@pytest.mark.parametrize(("query", "accept"), [("&format=markdown", "*/*"), ("", "text/markdown")])
def test_markdown_marks_the_best_and_takes_no_name_for_markup(api, trained, query, accept):
    ids = [trained({"name": name}, val_loss=loss) for name, loss in [("a|b", 0.5), ("@team `x` **y**", 0.25)]]

    answer = api.get(f"/v1/compare?jobs={','.join(ids)}{query}", headers={"Accept": accept})
    header, rule, *rows = answer.text.splitlines()

    assert answer.headers["content-type"].startswith("text/markdown")
    assert header == "|  | `a\\|b` | `@team 'x' **y**` |"
    assert rule == "| --- | --- | --- |"
    assert "| val_loss | 0.5 | **0.25** |" in rows


def test_many_jobs_are_the_rows_of_markdown(api, trained):
    ids = [trained({"seed": seed}, curves={"val_loss": FALLING}, val_loss=1.0 + seed) for seed in range(7)]

    query = {"jobs": ",".join(ids), "keys": "val_loss", "to_loss": 0.5, "format": "markdown"}
    header, _, first, *rest = api.get("/v1/compare", params=query).text.splitlines()

    assert header.startswith("| job | `seed` | val_loss | training_seconds | to_loss step |")
    assert first.startswith(f"| `{ids[0]}` | 0 | **1** | 10 | 2 |")
    assert "█" in first
    assert len(rest) == 6
