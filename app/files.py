"""A job's files on their way out."""

from collections.abc import Sequence

from starlette.responses import FileResponse, Response

from app.etags import has
from unitscale.errors import NotFound
from unitscale.models.jobs import Artifact
from unitscale.wire.blobs import Blobs


def artifact_file(
    blobs: Blobs, job_id: str, attempt: int, files: Sequence[Artifact], name: str, known: str
) -> Response:
    """The file of this name, unless the caller knows its tag. Raises NotFound, also for a name the record lacks."""
    artifact = next((file for file in files if file.name == name), None)
    if artifact is None:
        raise NotFound(f"Job {job_id} has no artifact '{name}'.")
    headers = {"ETag": f'"{artifact.sha256}"', "X-Content-Type-Options": "nosniff"}
    if has(known, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    path = blobs.artifact(job_id, attempt, artifact.name)
    return FileResponse(path, headers=headers, media_type="application/octet-stream", filename=artifact.name)
