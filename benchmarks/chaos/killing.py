"""SIGKILL, SIGSTOP and SIGTERM to the processes that train and serve."""

import random
import signal
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress

import psutil

from benchmarks.chaos import jobs
from benchmarks.chaos.report import Report
from benchmarks.chaos.stack import LEASE_SECONDS, Stack, until
from unitscale.client import Client
from unitscale.models.jobs import State

SPECS = 4
KILLED_STEPS = 12_000  # about two seconds: the kills are over before the jobs are
KINDS = ("trainer", "trainer", "trainer", "supervisor", "supervisor", "supervisor", "nursery", "main", "node", "api")


def random_kills(stack: Stack, report: Report, jobs_wanted: int = 200, kills: int = 100) -> None:
    """SIGKILL what trains and serves while jobs run: nothing lost, nothing doubled, every curve the same."""
    report.begin(f"{kills} random SIGKILLs under {jobs_wanted} jobs")
    with stack.client() as client:
        expected = [jobs.reference(client, jobs.spec(seed, KILLED_STEPS)) for seed in range(SPECS)]
        ids = [client.submit(jobs.spec(n % SPECS, KILLED_STEPS)).id for n in range(jobs_wanted)]
        killed_at = kill_at_random(stack, kills)
        until(stack.ready)
        ended = jobs.all_ended(client, ids)
        lost = sum(job.state is not State.SUCCEEDED for job in ended)
        doubled = sum(jobs.ends(client, job_id) != 1 for job_id in ids)
        different = sum(jobs.outcome(client, job_id) != expected[n % SPECS] for n, job_id in enumerate(ids))
        recoveries = [s for job in ended if job.losses for s in _recoveries(client, job.id, killed_at)]
    report.note("jobs lost", f"{lost} of {jobs_wanted}", "0", met=lost == 0)
    report.note("jobs ended twice", str(doubled), "0", met=doubled == 0)
    report.note("curves that differ from an undisturbed run", str(different), "0", met=different == 0)
    median = statistics.median(recoveries) if recoveries else 0.0
    report.note(
        "recovery, kill to next attempt",
        f"median {median:.1f} s, worst {max(recoveries, default=0):.1f} s, {len(recoveries)} recoveries",
        "median ≤ 5 s",
        met=bool(recoveries) and median <= 5,
        timed=True,
    )


def kill_at_random(stack: Stack, kills: int, kinds: Sequence[str] = KINDS) -> list[float]:
    """SIGKILL processes of these kinds, one every few seconds; when each was."""
    chance, times = random.Random(0), []
    while len(times) < kills:
        time.sleep(chance.uniform(1, 4))
        kind = chance.choice(kinds)
        if kind in ("node", "api"):
            name = "api" if kind == "api" else chance.choice(stack.nodes)
            times.append(time.time())
            stack.restart(name)
        elif processes := stack.side() if kind == "side" else stack.processes(kind):
            with suppress(psutil.NoSuchProcess):
                victim = max(processes, key=_busy) if kind == "trainer" else chance.choice(processes)
                times.append(time.time())
                victim.kill()
    return times


def _busy(process: psutil.Process) -> float:
    """How much a trainer has done; a waiting one has done nothing."""
    with suppress(psutil.Error):
        return process.cpu_times().user
    return 0.0


def _recoveries(client: Client, job_id: str, killed_at: list[float]) -> list[float]:
    """Seconds from the kill before each loss to the start of the next attempt."""
    found: list[float] = []
    back = None
    for event in jobs.states(client, job_id):
        at = event.at.timestamp()
        if event.data["state"] == "queued" and event.data["attempt"]:
            back = max((t for t in killed_at if t <= at), default=None)
        elif event.data["state"] == "running" and back is not None:
            found.append(at - back)
            back = None
    return found


def frozen_supervisors(stack: Stack, report: Report, times: int = 30) -> None:
    """SIGSTOP a supervisor past its lease: the job goes on elsewhere, and every late write is refused."""
    report.begin(f"{times} supervisors frozen past their lease")
    refused_before = stack.said("a newer attempt holds the job")
    frozen = 0
    with stack.client() as client:
        wanted = jobs.spec(0, steps=15_000)
        expected = jobs.reference(client, wanted)
        ids: list[str] = []
        while frozen < times:
            running = [client.submit(wanted).id for _ in stack.nodes]
            until(lambda: all(client.job(i).attempt for i in running), what="jobs to run")  # noqa: B023  called here
            frozen += _freeze(stack, client, running)
            ids += [job.id for job in jobs.all_ended(client, running)]
        ended = jobs.all_ended(client, ids)
        different = sum(jobs.outcome(client, job_id) != expected for job_id in ids)
        doubled = sum(jobs.ends(client, job_id) != 1 for job_id in ids)
    refused = stack.said("a newer attempt holds the job") - refused_before
    report.note("late supervisors refused", f"{refused} of {frozen}", "all", met=refused >= frozen)
    good = all(job.state is State.SUCCEEDED for job in ended) and not different and not doubled
    report.note(
        "their jobs", f"{len(ended)} ended, {different} differ, {doubled} twice", "all the same, once", met=good
    )


def _freeze(stack: Stack, client: Client, ids: list[str]) -> int:
    supervisors = stack.processes("supervisor")
    for supervisor in supervisors:
        supervisor.send_signal(signal.SIGSTOP)
    until(lambda: all(client.job(i).losses for i in ids), seconds=LEASE_SECONDS * 4, what="leases to run out")
    for supervisor in supervisors:
        supervisor.send_signal(signal.SIGCONT)
    return len(supervisors)


def leaving_worker(stack: Stack, report: Report) -> None:
    """SIGTERM to a node: its job goes on elsewhere from the checkpoint it wrote, and no loss is counted."""
    report.begin("SIGTERM to a worker")
    with stack.client() as client:
        wanted = jobs.spec(1, steps=30_000, checkpoint_seconds=60)
        expected = jobs.reference(client, wanted)
        ids = [client.submit(wanted).id for _ in stack.nodes]
        until(lambda: all(client.job(i).progress.step > 1000 for i in ids), what="jobs to run")
        node = stack.nodes[0]
        stack.parts[node].terminate()
        stack.parts[node].wait(45)
        stack.start(node)
        ended = jobs.all_ended(client, ids)
        moved = [job for job in ended if job.attempt == 2]
        kept = all(client.checkpoints(job.id)[0].step > 1000 for job in moved)
        same = all(jobs.outcome(client, job_id) == expected for job_id in ids)
    met = len(moved) == 1 and all(job.losses == 0 for job in ended) and same and kept
    figures = (
        f"{len(moved)} moved, {sum(job.losses for job in ended)} losses, same curves: {same}, checkpoint used: {kept}"
    )
    report.note("jobs of a leaving worker", figures, "1 moved, no loss, same curves", met=met)
