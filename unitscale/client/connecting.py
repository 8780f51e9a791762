"""How a client of either colour reaches the service: address, key, timeouts."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from math import isfinite
from typing import TypedDict, TypeVar, cast

import httpx2

from unitscale import __version__
from unitscale.client.calls import Call
from unitscale.errors import Malformed
from unitscale.models.axes import MOST_NAMED, pointer_to

T = TypeVar("T")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Options(TypedDict):
    """What both of httpx2's clients are built from."""

    base_url: str
    headers: dict[str, str]
    timeout: float
    trust_env: bool


def options(base_url: str, api_key: str | None, timeout_seconds: float) -> Options:
    """Raises ValueError when `base_url` is no http address."""
    url = httpx2.URL(base_url)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(f"'{base_url}' is no address of the service; it looks like http://127.0.0.1:8000")
    return Options(
        base_url=base_url,
        headers={"User-Agent": f"unitscale/{__version__}"}
        | ({"Authorization": f"Bearer {api_key}"} if api_key else {}),
        timeout=timeout_seconds,
        trust_env=url.host not in _LOOPBACK,  # a proxy has no business between this machine and itself
    )


def request(http: httpx2.Client | httpx2.AsyncClient, call: Call[T]) -> httpx2.Request:
    """The call as bytes to send. What the service holds back on purpose is no reason to give up on it.

    Raises Malformed, which names every number that JSON cannot carry.
    """
    if wrong := tuple(islice(_not_finite(call.body), MOST_NAMED)):
        raise Malformed("Every number must be finite.", wrong)
    timeout = http.timeout.as_dict()
    timeout["read"] = (timeout["read"] or 0.0) + call.held_seconds
    return http.build_request(
        call.method,
        call.path,
        params=list(call.params) or None,
        json=call.body,
        data=call.upload.fields if call.upload else None,
        files={"file": (call.upload.file.name, call.upload.file)} if call.upload else None,  # type: ignore[dict-item]
        headers={"Accept": "application/json", **call.headers},
        extensions={"timeout": timeout},
    )


def _not_finite(body: object, at: str = "") -> Iterator[tuple[str, str]]:
    """(JSON pointer, what is wrong there)."""
    if isinstance(body, float) and not isfinite(body):
        yield at, f"{body} is no number that JSON can carry."
    elif isinstance(body, Mapping):
        for name, value in cast("Mapping[str, object]", body).items():
            yield from _not_finite(value, pointer_to(at, name))
    elif isinstance(body, Sequence) and not isinstance(body, str):
        for place, value in enumerate(cast("Sequence[object]", body)):
            yield from _not_finite(value, f"{at}/{place}")
