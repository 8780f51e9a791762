"""SIGKILLs under a sweep: it ends as an undisturbed one does."""

from typing import Any

from benchmarks.chaos import jobs
from benchmarks.chaos.killing import kill_at_random
from benchmarks.chaos.report import Report
from benchmarks.chaos.stack import Stack, until
from unitscale.client import Client

STEPS = 12_000
RATES = 4


def killed_sweep(stack: Stack, report: Report, jobs_wanted: int = 64, kills: int = 20) -> None:
    """A sweep of rates and seeds, twice: undisturbed, and with its processes killed under it."""
    report.begin(f"{kills} random SIGKILLs under a sweep of {jobs_wanted} jobs")
    with stack.client() as client:
        calm = _swept(client, client.sweeps.begin(_body(jobs_wanted)).id)
        disturbed = client.sweeps.begin(_body(jobs_wanted)).id
        kill_at_random(stack, kills)
        until(stack.ready)
        ended = _swept(client, disturbed)
        doubled = sum(jobs.ends(client, job) != 1 for job in client.sweeps.get(disturbed).jobs)
        groups = {job.fused.lanes for job in client.jobs(campaign=disturbed, limit=200).data if job.fused}
    different = sum(one != other for one, other in zip(calm[1], ended[1], strict=True))
    report.note("the sweep's state and best", f"{ended[0]}", f"{calm[0]}", met=calm[0] == ended[0])
    report.note("jobs whose curves or measures differ", f"{different} of {jobs_wanted}", "0", met=different == 0)
    report.note("jobs ended twice", str(doubled), "0", met=doubled == 0)
    report.note("lanes of its last groups", f"{sorted(groups)}", "some of several", met=max(groups, default=1) > 1)


def _body(size: int) -> dict[str, Any]:
    rates = [0.0005 * 2**number for number in range(RATES)]
    axes = {"units.learning_rate": rates, "seed": list(range(size // RATES))}
    return {"base": jobs.spec(0, STEPS, alone=False), "axes": axes}


def _swept(client: Client, sweep_id: str) -> tuple[Any, list[Any]]:
    """How it ended, by places; and what became of each job, in their order."""
    sweep = client.sweeps.wait(sweep_id)
    best = (sweep.best.setting, sweep.best.value) if sweep.best else None
    return (sweep.state.value, len(sweep.jobs), best), [jobs.outcome(client, job) for job in sweep.jobs]
