"""Scaling laws on request: what they are fitted to, and a process of its own for each fit."""

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

import structlog

from app.analysis.scaling_laws.evidence import Evidence, check, of_jobs, of_points
from app.services import Services
from unitscale.errors import Busy, NotEnded, NotFound, ServiceError
from unitscale.models.datasets import Dataset, is_uploaded
from unitscale.models.jobs import ENDED, Job
from unitscale.models.scaling_laws import ScalingLaw, ScalingLawRequest
from unitscale.wire.datasets import Datasets
from unitscale.wire.jobs import Jobs

PROGRAM = "app.analysis.scaling_laws"
LONGEST_SECONDS = 50.0
"""Waiting for earlier fits included; less than callers wait."""

log = structlog.get_logger()


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
    said = await _in_turn(services.fitting, question)
    own = {"points": evidence.points, "counting": evidence.counting}
    return ScalingLaw.model_validate({**said, **own, "warnings": (*evidence.doubts, *said["warnings"])})


async def _evidence(services: Services, project: str, wanted: ScalingLawRequest) -> Evidence:
    if wanted.points is not None:
        return of_points(wanted.points)
    jobs = await _jobs(services.jobs, project, wanted.jobs or ())
    return of_jobs(jobs, await _uploaded(services.datasets, project, jobs))


async def _jobs(jobs: Jobs, project: str, ids: tuple[str, ...]) -> list[Job]:
    """These jobs, all of which have ended. Raises NotFound, NotEnded, which name their places."""
    try:
        found = await jobs.get_many(project, ids)
    except NotFound as error:
        places = (place for place, job_id in enumerate(ids) if job_id in error.message)
        raise NotFound(error.message, tuple((f"/jobs/{place}", error.message) for place in places)) from error
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
    names = {str(job.spec.dataset) for job in jobs if is_uploaded(job.spec.dataset)}
    found = await asyncio.gather(*(datasets.get(project, name) for name in names), return_exceptions=True)
    return {each.id: each for each in found if isinstance(each, Dataset)}


async def _in_turn(turns: asyncio.Semaphore, question: dict[str, Any]) -> dict[str, Any]:
    """The answer of the program, which is run for one question at a time. Raises Busy."""
    try:
        async with asyncio.timeout(LONGEST_SECONDS), turns:
            return await _computed(question)
    except TimeoutError as error:
        raise Busy(f"Other laws are being fitted, and this one did not come within {LONGEST_SECONDS:g} s.") from error


async def _computed(question: dict[str, Any]) -> dict[str, Any]:
    """The answer of the program; it ends with the one who waits. What it knows is the question: no key, no setting."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", PROGRAM),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
    )
    try:
        answer, said = await process.communicate(json.dumps(question).encode())
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        log.error("a scaling law was not fitted", status=process.returncode, said=said.decode()[-2000:])
        raise ServiceError("The law was not fitted; the log knows more.")
    return json.loads(answer)
