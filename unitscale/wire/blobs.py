"""The files of jobs, below the data directory: checkpoints and artifacts, one folder an attempt."""

from collections.abc import Iterator
from pathlib import Path

from unitscale.errors import NotFound
from unitscale.wire.shelves import Shelf


class Blobs:
    """Folders by job and attempt. Names come from the record, never unchecked from a caller.

    Each lies at `working` on the machine that writes it, and stands on the shelf under its name.
    """

    def __init__(self, data_folder: Path, shelf: Shelf) -> None:
        self._data_folder = data_folder
        self.shelf = shelf

    def attempt(self, job_id: str, attempt: int) -> str:
        """The name of the folder that is this attempt's own."""
        return f"jobs/{job_id}/attempt-{attempt}"

    def artifacts(self, job_id: str, attempt: int) -> str:
        """The name of the folder in which the attempt that succeeded left its files."""
        return f"{self.attempt(job_id, attempt)}/artifacts"

    def working(self, name: str) -> Path:
        """Where a folder of this name is written."""
        return self._data_folder / name

    def keep(self, name: str) -> None:
        """Have what was written under this name on the shelf."""
        self.shelf.keep(self.working(name), name)

    def artifact(self, job_id: str, attempt: int, file_name: str) -> Path:
        """One file of the artifacts, on this machine. Raises NotFound, also for a name that leads elsewhere."""
        folder = self.shelf.bring(self.artifacts(job_id, attempt))
        path = folder / file_name
        if path.parent != folder or not path.is_file():
            raise NotFound(f"Job {job_id} has no artifact '{file_name}'.")
        return path

    def blocks(self, job_id: str, attempt: int, file_name: str) -> Iterator[bytes]:
        """The bytes of one file of the artifacts. Raises NotFound, FilesAway."""
        return self.shelf.blocks(f"{self.artifacts(job_id, attempt)}/{file_name}")

    def forget(self, job_id: str) -> None:
        """Remove everything a job left."""
        self.shelf.forget(f"jobs/{job_id}")

    def drop_checkpoint(self, job_id: str, attempt: int, folder: str) -> None:
        """Remove a checkpoint that nothing points to any more."""
        self.shelf.forget(f"{self.attempt(job_id, attempt)}/{folder}")

    def keep_only(self, job_id: str, attempts: set[int]) -> None:
        """Remove the folders of attempts that nothing points to."""
        for name in self.shelf.below(f"jobs/{job_id}"):
            number = name.removeprefix("attempt-")
            if number.isdecimal() and int(number) not in attempts:
                self.shelf.forget(f"jobs/{job_id}/{name}")
