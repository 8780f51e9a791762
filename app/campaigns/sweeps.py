"""Sweeps as requests meet them: every job checked before the first is made, refused by the field that is wrong."""

from collections.abc import Sequence

from app.campaigns.beginning import Begun
from app.services import Services
from unitscale.errors import Malformed, Unsupported
from unitscale.models.measures import unknown
from unitscale.models.specs import JobSpec
from unitscale.models.sweeps import SweepSpec, blamed, check, check_apart, planned
from unitscale.wire.jobs import Prepared


async def drawn_up(services: Services, project: str, sweep: SweepSpec) -> Begun:
    """Its jobs. Raises Malformed, Unsupported, which name fields of the sweep."""
    check(sweep)
    jobs = planned(sweep)
    check_apart(sweep, jobs)
    ready = list[Prepared]()
    for number, job in enumerate(jobs):
        try:
            ready.append(await services.intake.prepare(job, project))
        except Unsupported as error:
            raise blamed(sweep, number, error) from error
    await _refuse_measure(services, sweep, jobs)
    return ready, {}


async def _refuse_measure(services: Services, sweep: SweepSpec, jobs: Sequence[JobSpec]) -> None:
    """Where none of the jobs will have it."""
    offer = await services.intake.offer()
    said = [list(unknown(job, sweep.objective.measure, offer)) for job in jobs]
    if all(said):
        detail = said[0][0]
        pointer = f"/objective/{'minimize' if sweep.objective.minimize else 'maximize'}"
        raise Malformed(f"{pointer}: {detail}", ((pointer, detail),))
