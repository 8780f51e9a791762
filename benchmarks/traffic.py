"""Traffic: what requests cost, against a bare uvicorn that says hello, in turns and from the same callers."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from benchmarks.chaos.stack import KEY, Stack, until
from benchmarks.figures import MILLISECONDS, Figure, Ledger, cpu_seconds, median
from benchmarks.load import Order, Outcome, send
from benchmarks.service import SEED_JOB, Pen, service

ROUNDS = 5
SECONDS = 1.5
CONNECTIONS = 64
MEGABYTE = 1e6


@dataclass(frozen=True)
class Subject:
    """A server, and what it is asked."""

    pid: int
    port: int
    request: str

    def turn(self) -> tuple[Outcome, float]:
        """One turn of load: what came of it, and the server's CPU seconds a request."""
        before = cpu_seconds(self.pid)
        outcome = send(Order(self.port, self.request, CONNECTIONS, SECONDS))
        assert not outcome.failed, f"{outcome.failed} of {outcome.requests} requests failed"
        return outcome, (cpu_seconds(self.pid) - before) / outcome.requests


def measure(ledger: Ledger) -> None:
    """hello, GET and POST in turns."""
    with service(nodes=0) as stack, _hello() as (pid, port):
        api, job_id = stack.parts["api"].pid, asyncio.run(_ended_job(stack))
        subjects = {
            "hello": Subject(pid, port, request("GET", "/")),
            "GET": Subject(api, stack.port, request("GET", f"/v1/jobs/{job_id}")),
            "POST": Subject(api, stack.port, request("POST", "/v1/jobs", SEED_JOB)),
        }
        turns = [{name: subject.turn() for name, subject in subjects.items()} for _ in range(ROUNDS)]
        memory = psutil.Process(api).memory_info().rss
    _note(ledger, turns)
    served = sum(turn[name][0].requests for turn in turns for name in ("GET", "POST"))
    ledger.note(Figure(f"API memory after {served:,} requests", memory / MEGABYTE, "MB", at_most=80))


def _note(ledger: Ledger, turns: list[dict[str, tuple[Outcome, float]]]) -> None:
    for name, at_least in (("GET", 15), ("POST", None)):
        rate = median(turn[name][0].rate / turn["hello"][0].rate for turn in turns)
        cost = median(turn["hello"][1] / turn[name][1] for turn in turns)
        tail = median(turn[name][0].p99_seconds / turn[name][0].p50_seconds for turn in turns)
        ledger.note(Figure(f"{name} of a job: rate, of hello's", rate * 100, "%", at_least=at_least))
        ledger.note(Figure(f"{name}: requests a CPU second of the server, of hello's", cost * 100, "%"))
        ledger.note(Figure(f"{name}: p99 / p50", tail, at_most=3 if at_least else None))
    for name in ("hello", "GET", "POST"):
        rate, cost = (median(turn[name][0].rate for turn in turns), median(turn[name][1] for turn in turns))
        ledger.note(Figure(f"{name}: requests a second, {CONNECTIONS} connections", rate))
        ledger.note(Figure(f"{name}: CPU a request", cost * MILLISECONDS, "ms"))


def request(method: str, path: str, body: object = None) -> str:
    """A request as it goes over the wire."""
    content = "" if body is None else json.dumps(body)
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Authorization: Bearer {KEY}"]
    if content:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", content])


async def _ended_job(stack: Stack) -> str:
    pen = Pen(stack)
    job = await pen.begin()
    await pen.write(job, 1, 100)
    await pen.end(job)
    await pen.close()
    return job.id


@contextmanager
def _hello() -> Iterator[tuple[int, int]]:
    """Process and port of a server that says hello."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.hello", str(port)])
    try:
        until(lambda: _answers(port))
        yield process.pid, port
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
