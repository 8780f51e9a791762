"""The whole service, started as its users start it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unitscale.cli.main import app

REPOSITORY = Path(__file__).parents[2]
READY_SECONDS = 90


@pytest.fixture(scope="session")
def data_dir():
    """The data directory of a service that `unitscale up` has started, with one slot."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("UNITSCALE_")}
    with tempfile.TemporaryDirectory(prefix="us-") as folder:  # short: a socket lies in it
        command = [sys.executable, "-m", "unitscale.cli", "up", "--data-dir", folder, "--port", "0", "--slots", "1"]
        with (Path(folder) / "log").open("wb") as log:
            up = subprocess.Popen(command, cwd=REPOSITORY, env=environ, stdout=log, stderr=log)
        try:
            wait_for(Path(folder) / "url", up)
            yield Path(folder)
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(60)


@pytest.fixture(scope="session")
def unitscale(data_dir):
    """Runs a command line against the service."""

    def run(*words: str, stdin: str | None = None, **environ: str):
        environ = {"UNITSCALE_DATA_DIR": str(data_dir), "UNITSCALE_URL": "", "UNITSCALE_API_KEY": "", **environ}
        return CliRunner().invoke(app, words, input=stdin, env=environ, prog_name="unitscale")

    return run


def wait_for(path: Path, up: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY_SECONDS
    while not path.exists():
        if up.poll() is not None or time.monotonic() > end:
            pytest.fail((path.parent / "log").read_text()[-4000:] + f"\n{os.fspath(path)} never came")
        time.sleep(0.05)
