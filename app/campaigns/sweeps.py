"""Sweeps as requests meet them: every job checked before the first is made, refused by the field that is wrong."""

from collections.abc import Sequence

from app.campaigns.beginning import Begun
from app.services import Services
from unitscale.errors import Malformed, Unsupported
from unitscale.models.measures import unknown
from unitscale.models.specs import JobSpec
from unitscale.models.sweeps import SweepSpec, blamed, check, check_apart, planned


async def drawn_up(services: Services, project: str, sweep: SweepSpec) -> Begun:
    """Its jobs' specs. Raises Malformed, Unsupported, which name fields of the sweep."""
    check(sweep)
    jobs = planned(sweep)
    check_apart(sweep, jobs)
    for number, job in enumerate(jobs):
        try:
            await services.intake.check([job], project)
        except Unsupported as error:
            raise blamed(sweep, number, error) from error
    await _refuse_measure(services, sweep, jobs)
    return jobs, {}


async def _refuse_measure(services: Services, sweep: SweepSpec, jobs: Sequence[JobSpec]) -> None:
    """Where none of the jobs will have it."""
    tasks = (await services.intake.offer()).tasks
    said = {
        (str(job.task), job.evaluation.formats): list(
            unknown(job, sweep.objective.measure, tasks[job.task].metrics if job.task in tasks else ())
        )
        for job in jobs
    }
    if all(said.values()):
        [detail, *_] = next(iter(said.values()))
        pointer = f"/objective/{'minimize' if sweep.objective.minimize else 'maximize'}"
        raise Malformed(f"{pointer}: {detail}", ((pointer, detail),))
