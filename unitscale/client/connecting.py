"""How a client of either colour reaches the service: address, key, timeouts."""

from typing import TypedDict, TypeVar

import httpx2

from unitscale import __version__
from unitscale.client.calls import Call

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
    """The call as bytes to send. What the service holds back on purpose is no reason to give up on it."""
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
