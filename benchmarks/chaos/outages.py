"""Valkey killed, away, and frozen."""

import signal
import threading
import time

import httpx2

from benchmarks.chaos import jobs
from benchmarks.chaos.report import Report
from benchmarks.chaos.stack import KEY, Stack, until
from unitscale.client import Client
from unitscale.models.jobs import State

SUBMISSIONS_A_SECOND = 300
HEADERS = {"Authorization": f"Bearer {KEY}"}
SHORT = {"task": "regression", "budget": {"steps": 1}}


def killed_under_load(stack: Stack, report: Report, kills: int = 20) -> None:
    """SIGKILL Valkey again and again under submissions: what was acknowledged is there afterwards."""
    report.begin(f"{kills} × SIGKILL of Valkey under {SUBMISSIONS_A_SECOND} submissions/s")
    for node in stack.nodes:
        stack.kill(node)
    acknowledged: list[str] = []
    stop = threading.Event()
    senders = [threading.Thread(target=_submit_steadily, args=(stack, acknowledged, stop, 4)) for _ in range(4)]
    for sender in senders:
        sender.start()
    started = time.monotonic()
    for _ in range(kills):
        time.sleep(1)
        stack.restart("valkey")
        until(stack.valkey_answers)
    time.sleep(1)
    stop.set()
    for sender in senders:
        sender.join()
    rate = len(acknowledged) / (time.monotonic() - started)
    there = sum(
        stack.redis.exists(*(f"job:{job_id}" for job_id in acknowledged[i : i + 1000]))
        for i in range(0, len(acknowledged), 1000)
    )
    missing = len(acknowledged) - there
    report.note("acknowledged jobs lost", f"{missing} of {len(acknowledged)} ({rate:.0f}/s)", "0", met=missing == 0)
    stack.redis.flushall()
    stack.restart("api")
    for node in stack.nodes:
        stack.start(node)
    until(lambda: stack.ready() and stack.spares() >= len(stack.nodes))


def _submit_steadily(stack: Stack, acknowledged: list[str], stop: threading.Event, share: int) -> None:
    with httpx2.Client(base_url=stack.url, headers=HEADERS, timeout=10) as http:
        while not stop.is_set():
            started = time.monotonic()
            response = http.post("/v1/jobs", json=SHORT)
            if response.status_code == 201:
                acknowledged.append(response.json()["id"])
            time.sleep(max(0.0, share / SUBMISSIONS_A_SECOND - (time.monotonic() - started)))


def away(stack: Stack, report: Report, seconds: float) -> None:
    """Valkey killed and gone for a while: a running job never notices."""
    report.begin(f"Valkey away for {seconds} s")
    _through(stack, report, f"away {seconds} s", seconds, lambda: stack.kill("valkey"), lambda: stack.start("valkey"))


def frozen(stack: Stack, report: Report, seconds: float) -> None:
    """Valkey stopped and continued: its uptime and its connections tell nothing of it."""
    report.begin(f"Valkey frozen for {seconds} s")
    valkey = stack.parts["valkey"]

    def freeze() -> None:
        valkey.send_signal(signal.SIGSTOP)

    def thaw() -> None:
        valkey.send_signal(signal.SIGCONT)

    _through(stack, report, f"frozen {seconds} s", seconds, freeze, thaw)


def _through(stack, report, what, seconds, begin, end) -> None:
    with stack.client() as client:
        ids = [client.submit(jobs.spec(n, steps=int(5000 * (seconds + 4)))).id for n in range(len(stack.nodes))]
        until(lambda: all(client.job(i).progress.step > 0 for i in ids), what="jobs to run")
        begin()
        time.sleep(min(0.2, seconds / 2))
        slowest, statuses = _submit_during(stack, seconds)
        end()
        until(stack.ready)
        _report(report, what, client, ids)
    report.note(f"{what}: submissions are answered", f"{sorted(statuses)}", "503", met=statuses <= {503})
    report.note(f"{what}: slowest answer", f"{slowest:.1f} s", "≤ 3 s", met=slowest <= 3, timed=True)


def _submit_during(stack: Stack, seconds: float) -> tuple[float, set[int]]:
    slowest, statuses, until_time = 0.0, set[int](), time.monotonic() + seconds
    with httpx2.Client(base_url=stack.url, headers=HEADERS, timeout=30) as http:
        while time.monotonic() < until_time - 2.5 or not statuses:
            started = time.monotonic()
            statuses.add(http.post("/v1/jobs", json=SHORT).status_code)
            slowest = max(slowest, time.monotonic() - started)
            time.sleep(0.1)
    time.sleep(max(0.0, until_time - time.monotonic()))
    return slowest, statuses


def _report(report: Report, what: str, client: Client, ids: list[str]) -> None:
    ended = jobs.all_ended(client, ids)
    good = all(job.state is State.SUCCEEDED and job.attempt == 1 for job in ended)
    figures = ", ".join(f"{job.state} on attempt {job.attempt}" for job in ended)
    report.note(f"{what}: running jobs", figures, "succeeded on attempt 1", met=good)
