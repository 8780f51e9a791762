"""Comparisons as the client asks for them."""

import httpx2
from scripted import JOB_ID, Script

ANSWER = {"jobs": [], "total": 0, "fields": {}, "measures": {}, "best": {}}


def answered() -> Script:
    return Script(httpx2.Response(200, json=ANSWER))


def test_jobs_are_named_with_commas():
    script = answered()

    script.client().compare([JOB_ID, JOB_ID])

    assert script.asked[0].url.params.multi_items() == [("jobs", f"{JOB_ID},{JOB_ID}")]


def test_only_what_was_asked_is_sent():
    script = answered()

    script.client().compare(
        sweep="sw_1", labels={"team": "nlp", "run": "1"}, keys=["a", "b"], to_loss=0.0, align=None, limit=3
    )

    wanted = {("sweep", "sw_1"), ("label", "team:nlp"), ("label", "run:1"), ("keys", "a,b")}
    assert set(script.asked[0].url.params.multi_items()) == wanted | {("to_loss", "0.0"), ("limit", "3")}


def test_a_comparison_is_read_as_one():
    assert answered().client().compare([JOB_ID]).total == 0


def test_files_are_asked_for_by_their_media_type():
    script = Script(httpx2.Response(200, text="id\n"), httpx2.Response(200, text="| |\n"))

    with script.client() as client:
        texts = [client.compare_csv([JOB_ID]), client.compare_markdown([JOB_ID])]

    assert texts == ["id\n", "| |\n"]
    assert [request.headers["Accept"] for request in script.asked] == ["text/csv", "text/markdown"]
