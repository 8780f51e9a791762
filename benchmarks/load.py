"""Load: callers that ask the same thing again as soon as they are answered, in a process of its own.

    echo '{"port": 8000, "request": "GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n", "connections": 64, "seconds": 2}' \\
        | python -m benchmarks.load
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field

import uvloop

from benchmarks.figures import quantile

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
WARM_SECONDS = 0.3


@dataclass(frozen=True)
class Order:
    """Whom to ask what, and for how long."""

    port: int
    request: str
    connections: int
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What came back. `requests` counts those of the warm-up too, the rest does not."""

    requests: int
    failed: int
    rate: float
    p50_seconds: float
    p99_seconds: float


@dataclass
class Tally:
    """What all callers of a run have seen."""

    since: float
    until: float
    requests: int = 0
    failed: int = 0
    seconds: list[float] = field(default_factory=list[float])


class Caller(asyncio.Protocol):
    """One connection, kept alive."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        self._request, self._tally = request, tally
        self._head, self._left = b"", 0
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._left -= len(data)
        else:
            self._head += data
            head, found, body = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            length = LENGTH.search(head)
            self._tally.failed += not head.startswith(b"HTTP/1.1 2")
            self._left = (int(length[1]) if length else 0) - len(body)
        if not self._left:
            self._answered()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(exc or ConnectionError("the server closed the connection"))

    def _ask(self) -> None:
        self._head, self._asked = b"", time.perf_counter()
        self._transport.write(self._request)

    def _answered(self) -> None:
        now, tally = time.perf_counter(), self._tally
        tally.requests += 1
        if self._asked >= tally.since:
            tally.seconds.append(now - self._asked)
        if now < tally.until:
            self._ask()
        else:
            self.over.set_result(None)
            self._transport.close()


def send(order: Order) -> Outcome:
    """What this load does, from a process of its own. Raises CalledProcessError."""
    command = [sys.executable, "-m", "benchmarks.load"]
    said = subprocess.run(command, input=json.dumps(asdict(order)), text=True, stdout=subprocess.PIPE, check=True)
    return Outcome(**json.loads(said.stdout))


async def _load(order: Order) -> Outcome:
    since = time.perf_counter() + WARM_SECONDS
    tally = Tally(since, since + order.seconds)
    loop, request = asyncio.get_running_loop(), order.request.encode()
    callers = [
        (await loop.create_connection(lambda: Caller(request, tally), "127.0.0.1", order.port))[1]
        for _ in range(order.connections)
    ]
    await asyncio.gather(*(caller.over for caller in callers))
    return Outcome(
        tally.requests,
        tally.failed,
        len(tally.seconds) / order.seconds,
        quantile(tally.seconds, 0.5),
        quantile(tally.seconds, 0.99),
    )


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(_load(Order(**json.load(sys.stdin)))))))
