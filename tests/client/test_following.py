import asyncio
import itertools

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import AT_ONCE, JOB_ID, Script, a_problem, a_stream, sse

from unitscale.client import AsyncClient, NotUnderstood, Unreachable
from unitscale.errors import NotFound

STORY = b"".join(
    (
        b": hello\n\n",
        sse("state", "1-0", '{"state": "running"}'),
        sse("points", "1-0.7", '{"curves": {"train_loss": {"step": [7], "value": [0.5]}}, "last_step": 7}'),
        b": ping\r\n\r\n",
        sse("log", "2-0.7", '{"line": "Ünïts ✓"}'),
        sse("end", "3-0.7", '{"state": "succeeded"}'),
    )
)
CUTS = st.sets(st.integers(1, len(STORY) - 1)).map(lambda cuts: [0, *sorted(cuts), len(STORY)])


def pieces(cuts: list[int]) -> list[bytes]:
    return [STORY[start:stop] for start, stop in itertools.pairwise(cuts)]


def test_a_story_is_told_to_its_end():
    events = list(Script(a_stream(STORY)).client().follow(JOB_ID))

    assert [(event.type, event.id) for event in events] == [
        ("state", "1-0"), ("points", "1-0.7"), ("log", "2-0.7"), ("end", "3-0.7")
    ]  # fmt: skip


@given(CUTS)
def test_however_it_is_cut_it_is_the_same_story(cuts):
    whole = list(Script(a_stream(STORY)).client().follow(JOB_ID))

    assert list(Script(a_stream(*pieces(cuts))).client().follow(JOB_ID)) == whole


def test_a_broken_connection_is_taken_up_behind_the_last_event():
    script = Script(
        a_stream(sse("state", "1-0"), b"id: 2-0\nevent: lo", breaks=True),
        httpx2.ConnectError("refused"),
        a_stream(sse("log", "2-0"), sse("end", "3-0")),
    )

    events = list(script.client().follow(JOB_ID))

    assert [event.id for event in events] == ["1-0", "2-0", "3-0"]
    assert [request.headers.get("Last-Event-ID") for request in script.asked] == [None, "1-0", "1-0"]


def test_a_stream_that_ends_too_early_is_taken_up_again():
    script = Script(a_stream(sse("state", "1-0")), a_stream(sse("end", "2-0")))

    assert [event.id for event in script.client().follow(JOB_ID)] == ["1-0", "2-0"]


def test_nothing_is_read_after_the_end():
    script = Script(a_stream(sse("end", "1-0"), sse("log", "2-0"), breaks=True))

    assert [event.id for event in script.client().follow(JOB_ID)] == ["1-0"]


def test_a_reader_may_come_back_to_where_it_was():
    script = Script(a_stream(sse("end", "9-0")))

    list(script.client().follow(JOB_ID, after="8-0"))

    assert script.asked[0].headers["Last-Event-ID"] == "8-0"


def test_a_job_that_is_not_there_cannot_be_followed():
    with pytest.raises(NotFound):
        list(Script(a_problem(404, "not_found")).client().follow(JOB_ID))


def test_a_follower_gives_up_in_the_end():
    script = Script(*[httpx2.ConnectError("refused")] * 100)

    with pytest.raises(Unreachable):
        list(script.client().follow(JOB_ID))


def test_what_is_no_stream_is_not_read_as_one():
    with pytest.raises(NotUnderstood, match="does not stream"):
        list(Script(httpx2.Response(200, html="<p>hello")).client().follow(JOB_ID))


def test_the_story_is_the_same_in_the_other_colour():
    async def follow() -> list[str]:
        script = Script(a_stream(sse("state", "1-0"), breaks=True), a_stream(sse("end", "2-0")))
        transport = httpx2.MockTransport(script)
        async with AsyncClient("http://service", transport=transport, retries=AT_ONCE) as client:
            return [event.id async for event in client.follow(JOB_ID)]

    assert asyncio.run(follow()) == ["1-0", "2-0"]
