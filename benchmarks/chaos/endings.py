"""Cancelling, in time and against the clock; and submissions whose answer is lost."""

import os
import random
import signal
import threading
import time
import uuid
from contextlib import suppress

import httpx2

from benchmarks.chaos import jobs
from benchmarks.chaos.outages import HEADERS, SHORT
from benchmarks.chaos.report import Report
from benchmarks.chaos.stack import Stack, until
from unitscale.client import Client
from unitscale.errors import IllegalTransition
from unitscale.models.jobs import ENDED, State


def cancelling(stack: Stack, report: Report, times: int = 30) -> None:
    """Cancel running jobs: reported once the process is gone, and soon."""
    report.begin(f"{times} running jobs cancelled")
    with stack.client() as client:
        seconds = sorted(_cancel_one(stack, client, stubborn=False) for _ in range(times))
        stubborn = max(_cancel_one(stack, client, stubborn=True) for _ in range(max(1, times // 10)))
    p95 = seconds[int(0.95 * (len(seconds) - 1))]
    report.note("cancel of a running job", f"p95 {p95:.2f} s", "p95 ≤ 1 s", met=p95 <= 1, timed=True)
    report.note(
        "cancel of a trainer that hears nothing", f"worst {stubborn:.1f} s", "≤ 6 s", met=stubborn <= 6, timed=True
    )


def _cancel_one(stack: Stack, client: Client, *, stubborn: bool) -> float:
    before = {p.pid for p in stack.processes("trainer")} if stubborn else set[int]()
    job = client.submit(jobs.spec(0, steps=1_000_000))
    until(lambda: client.job(job.id).progress.step > 0, what="a job to run")
    if stubborn:
        busy = [p for p in stack.processes("trainer") if p.pid in before and p.cpu_times().user > 0.05]
        for process in busy:
            process.send_signal(signal.SIGSTOP)
    started = time.monotonic()
    client.cancel(job.id)
    until(lambda: client.job(job.id).state is State.CANCELLED, what="the job to be cancelled")
    return time.monotonic() - started


def racing(stack: Stack, report: Report, times: int = 200) -> None:
    """Cancel jobs about when they end: always one end."""
    report.begin(f"cancel against finish, {times} times")
    chance, wrong, cancelled = random.Random(1), 0, 0
    with stack.client() as client:
        for _ in range(times):
            job = client.submit({"task": "regression", "budget": {"steps": 300}})
            time.sleep(chance.uniform(0, 0.12))
            with suppress(IllegalTransition):
                client.cancel(job.id)
            state = client.wait(job.id).state
            cancelled += state is State.CANCELLED
            wrong += state not in ENDED or jobs.ends(client, job.id) != 1
    figures = f"{wrong} without exactly one end; {cancelled} cancelled, {times - cancelled} finished first"
    report.note("cancel against finish", figures, "0", met=wrong == 0)


def lost_answers(stack: Stack, report: Report, times: int = 50) -> None:
    """Kill the API between record and answer, and submit again with the same key: one job."""
    report.begin(f"API killed between record and answer, {times} times")
    between, wrong = 0, 0
    while between < times:
        key, before = uuid.uuid4().hex, int(stack.redis.get("jobs") or 0)
        killer = threading.Thread(target=_kill_once_recorded, args=(stack, before))
        killer.start()
        answered = _post(stack, key) is not None
        killer.join()
        stack.restart("api")
        until(stack.ready)
        if answered:
            continue
        between += 1
        _post(stack, key)
        wrong += int(stack.redis.get("jobs")) != before + 1
    report.note(
        "jobs made by a submission sent twice",
        f"{times - wrong} × one, {wrong} × another number",
        "one",
        met=wrong == 0,
    )


def _kill_once_recorded(stack: Stack, before: int) -> None:
    end = time.monotonic() + 5
    while int(stack.redis.get("jobs") or 0) == before and time.monotonic() < end:
        pass
    os.kill(stack.parts["api"].pid, signal.SIGKILL)


def _post(stack: Stack, key: str) -> str | None:
    try:
        response = httpx2.post(
            f"{stack.url}/v1/jobs", json=SHORT, headers=HEADERS | {"Idempotency-Key": key}, timeout=10, trust_env=False
        )
    except httpx2.TransportError:
        return None
    return str(response.json()["id"])
