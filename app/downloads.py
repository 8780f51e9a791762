"""A job's files on their way out."""

from asyncio import to_thread
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from starlette.responses import FileResponse, Response, StreamingResponse

from app.http.etags import has
from unitscale.errors import NotFound
from unitscale.models.jobs import Artifact
from unitscale.wire.blobs import Blobs

BINARY = "application/octet-stream"


async def artifact_file(
    blobs: Blobs, job_id: str, attempt: int, files: Sequence[Artifact], name: str, known: str
) -> Response:
    """The file of this name, unless the caller knows its tag. Raises NotFound, also for a name the record lacks."""
    artifact = next((file for file in files if file.name == name), None)
    if artifact is None:
        raise NotFound(f"Job {job_id} has no artifact '{name}'.")
    headers = {"ETag": f'"{artifact.sha256}"', "X-Content-Type-Options": "nosniff"}
    if has(known, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if blobs.shelf.elsewhere:
        return await _streamed(blobs.blocks(job_id, attempt, name), artifact, headers)
    path = blobs.artifact(job_id, attempt, artifact.name)
    return FileResponse(path, headers=headers, media_type=BINARY, filename=artifact.name)


async def _streamed(blocks: Iterator[bytes], artifact: Artifact, headers: Mapping[str, str]) -> Response:
    """A file as it comes from the object store. The first block is waited for, while there may still be a 503."""
    first = await to_thread(next, blocks, b"")
    said = {
        "Content-Length": str(artifact.bytes),
        "Content-Disposition": f'attachment; filename="{artifact.name}"',
    }
    return StreamingResponse(chain([first], blocks), headers={**headers, **said}, media_type=BINARY)
