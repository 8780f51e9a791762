"""The API's footprint: how soon it serves after it is started, and what memory it then holds."""

import socket
import time

import psutil

from benchmarks.chaos.stack import Stack
from benchmarks.figures import MILLISECONDS, Figure, Ledger, cpu_seconds, median
from benchmarks.service import service
from benchmarks.traffic import request

STARTS = 5
POLL_SECONDS = 0.005
MEGABYTE = 1e6
READY = b"HTTP/1.1 200"


def measure(ledger: Ledger) -> None:
    """Start the API again and again, beside a record that is there."""
    with service(nodes=0) as stack:
        starts = [_start(stack) for _ in range(STARTS)]
    wall, cpu, memory = (median(column) for column in zip(*starts, strict=True))
    ledger.note(Figure(f"API: start → ready, p50 of {STARTS}", wall, "s", at_most=2))
    ledger.note(Figure("of it CPU", cpu * MILLISECONDS, "ms"))
    ledger.note(Figure("API memory after its first answers", memory / MEGABYTE, "MB", at_most=80))


def _start(stack: Stack) -> tuple[float, float, float]:
    """Seconds until it is ready, CPU seconds until then, resident bytes after its first answers."""
    stack.kill("api")
    began = time.perf_counter()
    stack.start("api")
    while not _ready(stack.port):
        time.sleep(POLL_SECONDS)
    seconds, pid = time.perf_counter() - began, stack.parts["api"].pid
    cpu = cpu_seconds(pid)
    with stack.client() as client:
        client.jobs()
        client.catalog()
    return seconds, cpu, psutil.Process(pid).memory_info().rss


def _ready(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(request("GET", "/readyz").encode())
            return connection.recv(4096).startswith(READY)
    except OSError:
        return False
