"""The files of jobs, below the data directory: checkpoints and artifacts, one folder an attempt."""

import shutil
from pathlib import Path

from unitscale.errors import NotFound
from unitscale.wire.uploads import Uploads


class Blobs:
    """Folders by job and attempt. Names come from the record, never unchecked from a caller."""

    def __init__(self, data_folder: Path) -> None:
        self._root = data_folder / "jobs"
        self._uploads = Uploads(data_folder)

    def attempt(self, job_id: str, attempt: int) -> Path:
        """The folder that is this attempt's own."""
        return self._root / job_id / f"attempt-{attempt}"

    def dataset(self, dataset_id: str) -> Path:
        """Where an uploaded data set lies, prepared for training."""
        return self._uploads.folder(dataset_id)

    def artifacts(self, job_id: str, attempt: int) -> Path:
        """Where the attempt that succeeded left its files."""
        return self.attempt(job_id, attempt) / "artifacts"

    def artifact(self, job_id: str, attempt: int, file_name: str) -> Path:
        """One file of those. Raises NotFound, also for a name that leads elsewhere."""
        folder = self.artifacts(job_id, attempt)
        path = folder / file_name
        if path.parent != folder or not path.is_file():
            raise NotFound(f"Job {job_id} has no artifact '{file_name}'.")
        return path

    def forget(self, job_id: str) -> None:
        """Remove everything a job left."""
        shutil.rmtree(self._root / job_id, ignore_errors=True)

    def drop_checkpoint(self, job_id: str, attempt: int, folder: str) -> None:
        """Remove a checkpoint that nothing points to any more."""
        shutil.rmtree(self.attempt(job_id, attempt) / folder, ignore_errors=True)

    def keep_only(self, job_id: str, attempts: set[int]) -> None:
        """Remove the folders of attempts that nothing points to."""
        for folder in (self._root / job_id).glob("attempt-*"):
            if int(folder.name.removeprefix("attempt-")) not in attempts:
                shutil.rmtree(folder, ignore_errors=True)
