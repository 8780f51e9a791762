"""A service that answers from a script, and remembers what it was asked."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import httpx2

from unitscale.client import Client, Retries
from unitscale.models.jobs import Job, State
from unitscale.models.specs import JobSpec, TaskName

AT_ONCE = Retries(tries=3, first_seconds=0.0)
JOB_ID = "job_06g1m2c8kq7v3x9t4b5n"


class Chunks(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that arrives in these pieces, and then ends or breaks."""

    def __init__(self, *pieces: bytes, breaks: bool = False) -> None:
        self._pieces = pieces
        self._breaks = breaks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        if self._breaks:
            raise httpx2.ReadError("cut")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


class Script:
    """Answers one after the other; an exception in the script is a connection that fails."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self._answers = iter(answers)
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, retries: Retries = AT_ONCE, api_key: str | None = None) -> Client:
        return Client("http://service", api_key, transport=httpx2.MockTransport(self), retries=retries)


def a_job(state: State = State.QUEUED) -> Job:
    spec = JobSpec(task=TaskName.REGRESSION)
    return Job(id=JOB_ID, state=state, requested=spec, spec=spec, created_at=datetime(2026, 1, 1, tzinfo=UTC))


def the_job(state: State = State.QUEUED) -> httpx2.Response:
    return httpx2.Response(201, content=a_job(state).model_dump_json())


def a_problem(status: int, code: str, **more: object) -> httpx2.Response:
    headers = {"Retry-After": "0"} if status in {429, 503} else {}
    body = {"type": code, "title": "No", "status": status, "detail": "It cannot be.", **more}
    return httpx2.Response(status, json=body, headers=headers)


def a_stream(*pieces: bytes, breaks: bool = False) -> httpx2.Response:
    headers = {"Content-Type": "text/event-stream; charset=utf-8"}
    return httpx2.Response(200, headers=headers, stream=Chunks(*pieces, breaks=breaks))


def sse(kind: str, bookmark: str, data: str = "{}") -> bytes:
    return f"id: {bookmark}\nevent: {kind}\ndata: {data}\n\n".encode()
