import asyncio
import json

import httpx2
import pytest
from scripted import AT_ONCE, JOB_ID, Script, a_job, a_problem, the_job

from unitscale import errors
from unitscale.client import AsyncClient, Client, NotUnderstood, Unreachable
from unitscale.models.jobs import Job, State
from unitscale.models.predictions import Predictions, Sampling
from unitscale.models.specs import JobSpec, TaskName
from unitscale.models.units import Units

LOST = httpx2.ReadTimeout("lost")


def test_a_submission_whose_answer_was_lost_is_sent_again_under_the_same_key():
    script = Script(LOST, the_job())

    script.client().submit({"task": "regression"})

    first, second = (request.headers["Idempotency-Key"] for request in script.asked)
    assert first == second


def test_two_submissions_are_two_jobs():
    script = Script(the_job(), the_job())

    with script.client() as client:
        client.submit({"task": "regression"})
        client.submit({"task": "regression"})

    assert len({request.headers["Idempotency-Key"] for request in script.asked}) == 2


def test_a_spec_is_sent_as_it_was_written():
    script = Script(the_job())

    script.client().submit(JobSpec(task=TaskName.REGRESSION, units=Units(learning_rate=0.1)))

    assert script.asked[0].content == b'{"task":"regression","units":{"learning_rate":0.1}}'


def test_a_number_that_is_none_is_refused_by_its_place():
    points = [{"parameters": 1e6, "tokens": 1e8, "loss": 2.0}, {"parameters": 1e6, "tokens": 1e8, "loss": float("nan")}]
    script = Script()

    with pytest.raises(errors.Malformed) as refused:
        script.client().fit_scaling_law({"points": points, "predict": {"flops": [float("inf")]}})

    assert [pointer for pointer, _ in refused.value.fields] == ["/points/1/loss", "/predict/flops/0"]
    assert script.asked == []


def test_the_key_travels_as_a_bearer_token():
    script = Script(the_job())

    script.client(api_key="secret").job(JOB_ID)

    assert script.asked[0].headers["Authorization"] == "Bearer secret"


def test_a_busy_service_is_asked_again():
    script = Script(a_problem(503, "store_away"), the_job())

    assert script.client().job(JOB_ID) == a_job()


@pytest.mark.parametrize("code", ["not_found", "illegal_transition", "quota_exceeded", "unsupported", "store_away"])
def test_a_problem_becomes_the_error_that_it_names(code):
    script = Script(*[a_problem(400, code)])

    with pytest.raises(errors.BY_CODE[code], match="It cannot be"):
        script.client().job(JOB_ID)


def test_an_error_carries_the_fields_that_it_is_about():
    script = Script(a_problem(422, "malformed", errors=[{"pointer": "/task", "detail": "There is no such task."}]))

    with pytest.raises(errors.Malformed) as raised:
        script.client().submit({"task": "cooking"})

    assert raised.value.fields == (("/task", "There is no such task."),)


@pytest.mark.parametrize("code", ["internal", "a_word_of_tomorrow", "diverged"])
def test_a_problem_that_no_request_can_have_is_a_plain_error(code):
    with pytest.raises(errors.ServiceError) as raised:
        Script(a_problem(500, code)).client().job(JOB_ID)

    assert type(raised.value) is errors.ServiceError


def test_a_service_that_never_answers_is_unreachable():
    script = Script(*[httpx2.ConnectError("refused")] * AT_ONCE.tries)

    with pytest.raises(Unreachable, match=r"http://service.* does not answer: refused"):
        script.client().job(JOB_ID)


def test_a_page_of_something_else_is_not_understood():
    script = Script(httpx2.Response(200, html="<h1>Welcome to nginx!</h1>"))

    with pytest.raises(NotUnderstood, match="Welcome to nginx"):
        script.client().job(JOB_ID)


def test_an_address_without_a_scheme_is_refused_at_once():
    with pytest.raises(ValueError, match="no address"):
        Client("localhost:8000")


def test_an_id_cannot_leave_its_place_in_the_path():
    script = Script(the_job())

    script.client().job("../keys?x=")

    assert script.asked[0].url.raw_path == b"/v1/jobs/..%2Fkeys%3Fx%3D"


def test_labels_are_sent_one_by_one():
    script = Script(httpx2.Response(200, json={"data": []}))

    script.client().jobs(state="running", labels={"team": "nlp", "run": "a:b"}, limit=5)

    wanted = [("state", "running"), ("limit", "5"), ("label", "team:nlp"), ("label", "run:a:b")]
    assert script.asked[0].url.params.multi_items() == wanted


def test_a_list_is_read_page_by_page():
    page = {"data": [a_job().model_dump(mode="json")]}
    more = {"has_more": True, "next_cursor": "second"}
    script = Script(httpx2.Response(200, json=page | more), httpx2.Response(200, json=page))

    assert [job.id for job in script.client().iterate_jobs()] == [JOB_ID, JOB_ID]
    assert script.asked[1].url.params["cursor"] == "second"


def test_an_empty_page_that_has_more_is_passed_over():
    empty = {"data": [], "has_more": True, "next_cursor": "second"}
    script = Script(
        httpx2.Response(200, json=empty), httpx2.Response(200, json={"data": [a_job().model_dump(mode="json")]})
    )

    assert [job.id for job in script.client().iterate_jobs()] == [JOB_ID]


def test_waiting_asks_until_the_job_has_ended():
    script = Script(the_job(State.QUEUED), the_job(State.RUNNING), the_job(State.FAILED))

    assert script.client().wait(JOB_ID).state is State.FAILED
    assert script.asked[0].url.params["wait"] == "60"


def test_the_client_outwaits_an_answer_that_the_service_holds_back():
    script = Script(the_job())

    script.client().job(JOB_ID, wait_seconds=60)

    assert script.asked[0].extensions["timeout"]["read"] > 60


def answered() -> httpx2.Response:
    return httpx2.Response(200, json={"outputs": ["x"]})


def test_a_question_says_no_more_than_it_was_told():
    script = Script(answered())

    script.client().predict(JOB_ID, ["the "])

    assert json.loads(script.asked[0].content) == {"inputs": ["the "]}


@pytest.mark.parametrize("sampling", [Sampling(seed=3, temperature=0), {"seed": 3, "temperature": 0}])
def test_a_question_names_format_and_sampling(sampling):
    script = Script(answered())

    script.client().predict(JOB_ID, ["the "], sampling=sampling, format="int8")

    sent = json.loads(script.asked[0].content)
    assert sent == {"inputs": ["the "], "format": "int8", "sampling": {"seed": 3, "temperature": 0}}


def test_the_other_colour_asks_the_same():
    script = Script(answered())

    async def ask() -> Predictions:
        async with AsyncClient("http://service", transport=httpx2.MockTransport(script)) as client:
            return await client.predict(JOB_ID, ["the "], sampling={"seed": 3}, format="bf16")

    assert asyncio.run(ask()).outputs == ("x",)
    assert json.loads(script.asked[0].content) == {"inputs": ["the "], "format": "bf16", "sampling": {"seed": 3}}


def test_the_other_colour_tries_tries_again_as_well():
    script = Script(LOST, a_problem(503, "store_away"), the_job())

    async def submit() -> Job:
        async with AsyncClient("http://service", transport=httpx2.MockTransport(script), retries=AT_ONCE) as client:
            return await client.submit({"task": "regression"})

    assert asyncio.run(submit()) == a_job()
    assert len({request.headers["Idempotency-Key"] for request in script.asked}) == 1
