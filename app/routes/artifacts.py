"""Checkpoints and artifacts: the files of a job."""

from typing import Annotated

from fastapi import Header, Path
from starlette.responses import FileResponse, Response

from app.dependencies import BlobsDep, JobId, JobsDep, MayRead
from app.downloads import artifact_file
from app.errors import problems
from app.http.routing import routes_of
from unitscale.errors import NotFound
from unitscale.models.jobs import Artifact, Checkpoint
from unitscale.models.pages import Page

router = routes_of("files")

ArtifactName = Annotated[str, Path(min_length=1, max_length=200, description="Name from the list of artifacts.")]
IfNoneMatch = Annotated[str, Header(description="ETags of what the caller has.")]
FILE = {"schema": {"type": "string", "format": "binary"}}


@router.get("/jobs/{job_id}/checkpoints", responses=problems(NotFound))
async def list_checkpoints(job_id: JobId, jobs: JobsDep, caller: MayRead) -> Page[Checkpoint]:
    """The checkpoints that are kept, oldest first."""
    return Page(data=tuple(await jobs.checkpoints(caller.project, job_id)))


@router.get("/jobs/{job_id}/artifacts", responses=problems(NotFound))
async def list_artifacts(job_id: JobId, jobs: JobsDep, caller: MayRead) -> Page[Artifact]:
    """The files that the finished job left."""
    _, files = await jobs.artifacts(caller.project, job_id)
    return Page(data=tuple(files))


@router.get(
    "/jobs/{job_id}/artifacts/{name}",
    response_class=FileResponse,
    responses={200: {"description": "The file.", "content": {"application/octet-stream": FILE}}, **problems(NotFound)},
)
async def get_artifact(
    job_id: JobId, name: ArtifactName, jobs: JobsDep, blobs: BlobsDep, caller: MayRead, if_none_match: IfNoneMatch = ""
) -> Response:
    """One file. Its ETag is its SHA-256."""
    attempt, files = await jobs.artifacts(caller.project, job_id)
    return await artifact_file(blobs, job_id, attempt, files, name, if_none_match)
