"""Scaling laws on request: what they are fitted to, and what comes of it."""

from contextlib import suppress

from app.analysis.points import unpacked
from app.analysis.scaling_laws.evidence import Evidence, check, of_jobs, of_points
from app.services import Services
from unitscale.errors import NotEnded, NotFound
from unitscale.models.datasets import Dataset, is_uploaded
from unitscale.models.jobs import ENDED, Job
from unitscale.models.scaling_laws import ScalingLaw, ScalingLawRequest
from unitscale.wire.curves import PackedCurves
from unitscale.wire.datasets import Datasets
from unitscale.wire.jobs import Jobs


async def scaling_law(services: Services, project: str, wanted: ScalingLawRequest) -> ScalingLaw:
    """The law of these points or jobs. Raises NotFound, NotEnded, NoLaw, Busy."""
    evidence = await _evidence(services, project, wanted)
    check(evidence, wanted)
    question = {
        **wanted.model_dump(include={"form", "bootstrap", "seed"}),
        "points": [(point.parameters, point.tokens, point.loss) for point in evidence.points],
        "at": [(scale.parameters, scale.tokens) for scale in wanted.predict.at],
        "flops": wanted.predict.flops,
    }
    said = await services.fits.answer(question)
    own = {"points": evidence.points, "counting": evidence.counting}
    return ScalingLaw.model_validate({**said, **own, "warnings": (*evidence.doubts, *said["warnings"])})


async def _evidence(services: Services, project: str, wanted: ScalingLawRequest) -> Evidence:
    if wanted.points is not None:
        return of_points(wanted.points)
    jobs = await _jobs(services.jobs, project, wanted.jobs or ())
    uploaded = await _uploaded(services.datasets, project, jobs)
    return of_jobs(jobs, uploaded, await _last_rates(services.curves, [job.id for job in jobs]))


async def _last_rates(curves: PackedCurves, ids: list[str]) -> dict[str, float]:
    ends = await curves.ends(ids, "learning_rate")
    return {job: unpacked(end).values()[-1] for job, end in zip(ids, ends, strict=True) if end}


async def _jobs(jobs: Jobs, project: str, ids: tuple[str, ...]) -> list[Job]:
    """These jobs, all of which have ended. Raises NotFound, NotEnded, which name their places."""
    try:
        found = await jobs.get_many(project, ids)
    except NotFound as error:
        raise error.below("/jobs") from error
    unfinished = tuple(
        (f"/jobs/{place}", f"Job {job.id} is {job.state.value}; wait for its end, or leave it out.")
        for place, job in enumerate(found)
        if job.state not in ENDED
    )
    if unfinished:
        raise NotEnded(unfinished[0][1], unfinished)
    return found


async def _uploaded(datasets: Datasets, project: str, jobs: list[Job]) -> dict[str, Dataset]:
    """The uploaded data sets of these jobs, as far as they are still there."""
    found: dict[str, Dataset] = {}
    for name in {str(job.spec.dataset) for job in jobs if is_uploaded(job.spec.dataset)}:
        with suppress(NotFound):
            found[name] = await datasets.get(project, name)
    return found
