"""From an HTTP answer to a word of `unitscale.models`, or to the error that it tells of."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar, cast

import httpx2
from pydantic import BaseModel, TypeAdapter, ValidationError

from unitscale.client.errors import NotUnderstood, Unreachable
from unitscale.client.retries import Outcome
from unitscale.errors import BY_CODE, ServiceError, TrainingError
from unitscale.models.events import Event
from unitscale.models.pages import Page
from unitscale.models.problems import Problem

Word = TypeVar("Word", bound=BaseModel)
_OBJECT = TypeAdapter(dict[str, object])


def one(kind: type[Word]) -> Callable[[httpx2.Response], Word]:
    """Reads an answer as one `kind`."""

    def read(response: httpx2.Response) -> Word:
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            raise _foreign(response) from error

    return read


def several(kind: type[Page[Word]]) -> Callable[[httpx2.Response], tuple[Word, ...]]:
    """Reads an answer as a list that fits one page."""
    page = one(kind)
    return lambda response: page(response).data


def anything(response: httpx2.Response) -> dict[str, object]:
    """Reads an answer as a JSON object of any shape."""
    try:
        return _OBJECT.validate_json(response.content)
    except ValidationError as error:
        raise _foreign(response) from error


def described_version(response: httpx2.Response) -> str:
    """The version that an OpenAPI document gives itself."""
    info = anything(response).get("info")
    return str(cast("dict[str, object]", info).get("version", "")) if isinstance(info, dict) else ""


def text(response: httpx2.Response) -> str:
    """The body as it came."""
    return response.text


def nothing(response: httpx2.Response) -> None:
    """There is nothing to read in a 204."""


def accepted(outcome: Outcome, url: str) -> httpx2.Response:
    """The answer, unless it tells of an error.

    Raises the ServiceError that a problem document names; Unreachable; NotUnderstood.
    """
    if isinstance(outcome, httpx2.SSEError):
        raise NotUnderstood(f"{url} does not stream events: {outcome}") from outcome
    if not isinstance(outcome, httpx2.Response):
        raise Unreachable(url, str(outcome) or type(outcome).__name__) from outcome
    if outcome.is_success:
        return outcome
    raise _told(outcome)


@contextmanager
def heard(url: str) -> Generator[None]:
    """While a body arrives. Raises Unreachable when it breaks off."""
    try:
        yield
    except httpx2.RequestError as error:
        raise Unreachable(url, str(error) or type(error).__name__) from error


def event(sse: httpx2.ServerSentEvent) -> Event:
    """An event of a stream, as the record would list it."""
    try:
        return Event.model_validate({"id": sse.id, "type": sse.event, "data": json.loads(sse.data)})
    except ValueError as error:
        raise NotUnderstood(f"The stream holds what this client cannot read: {sse.event} {sse.data[:80]}") from error


def _told(response: httpx2.Response) -> Exception:
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return _foreign(response)
    error = _kind(problem.type)(problem.detail, tuple((field.pointer, field.detail) for field in problem.errors))
    if problem.request_id:
        error.add_note(f"request {problem.request_id}")
    return error


def _kind(code: str) -> type[ServiceError]:
    """The error of that name; what a run fails of is never the answer to a request."""
    kind = BY_CODE.get(code, ServiceError)
    return ServiceError if issubclass(kind, TrainingError) else kind


def _foreign(response: httpx2.Response) -> NotUnderstood:
    said = " ".join(response.text[:120].split()) or "nothing"
    return NotUnderstood(f"{response.url} answered {response.status_code} with what is not this API: {said}")
