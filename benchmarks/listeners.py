"""Listeners: many readers of one job's stream, in a process of their own, which note when each step came.

    echo '{"port": 8000, "request": "GET /v1/jobs/…/events …", "count": 200}' | python -m benchmarks.listeners

It says `ready` once all of them hear, and after a second line on stdin what each has heard: [[[step, seconds], …], …].
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from typing import Any, Self

import uvloop

STEP = re.compile(rb'"last_step":(\d+)')


class Listener(asyncio.Protocol):
    """One stream."""

    def __init__(self) -> None:
        self.hears = asyncio.get_running_loop().create_future()
        self.heard: list[tuple[int, float]] = []
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if not self.hears.done() and b"event: state" in data:
            self.hears.set_result(None)
        data, end = self._rest + data, 0
        for found in STEP.finditer(data):
            self.heard.append((int(found[1]), now))
            end = found.end()
        self._rest = data[end:]


class Audience:
    """Listeners that are there while the block lasts."""

    def __init__(self, port: int, request: str, count: int) -> None:
        self._order = json.dumps({"port": port, "request": request, "count": count}) + "\n"

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.listeners"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._write(self._order)
        assert self._line() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def heard(self) -> list[list[tuple[int, float]]]:
        """Steps, and when they came, of each listener."""
        self._write("\n")
        return json.loads(self._line())

    def _write(self, text: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()


async def _listen(order: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    listeners: list[Listener] = []
    for _ in range(order["count"]):
        transport, listener = await loop.create_connection(Listener, "127.0.0.1", order["port"])
        transport.write(order["request"].encode())
        listeners.append(listener)
    await asyncio.gather(*(listener.hears for listener in listeners))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(json.dumps([listener.heard for listener in listeners]), flush=True)


if __name__ == "__main__":
    uvloop.run(_listen(json.loads(sys.stdin.readline())))
