"""`unitscale up`: it keeps its parts alive, and leaves nothing behind."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from benchmarks.chaos.stack import until
from unitscale.client import Client, ClientError
from unitscale.errors import ServiceError
from unitscale.models.jobs import State

COMMAND = [sys.executable, "-m", "unitscale.cli", "up", "--port", "0", "--slots", "1", "--data-dir"]


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(prefix="us-") as name:  # short: a socket lies in it
        yield Path(name)


@pytest.fixture(scope="module")
def up(folder):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNITSCALE_")}
    with (folder / "out").open("wb") as out:
        process = psutil.Popen([*COMMAND, str(folder)], stdout=out, stderr=out, env=environment)
        until((folder / "url").exists, what="the address")
        yield process
        if process.is_running():
            process.send_signal(signal.SIGINT)
            process.wait(60)


def caller(folder: Path) -> Client:
    return Client((folder / "url").read_text().strip(), (folder / "admin.key").read_text().strip())


def parts(up: psutil.Popen, words: str) -> list[psutil.Process]:
    """Living children of this kind; a dead one has no command line."""
    found = []
    for child in up.children():
        with suppress(psutil.Error):
            found += [child] if words in " ".join(child.cmdline()) else []
    return found


def trains(folder: Path) -> bool:
    try:
        with caller(folder) as client:
            return client.wait(client.submit({"task": "regression"}).id).state is State.SUCCEEDED
    except (ServiceError, ClientError):
        return False


def test_it_says_where_it_is_and_where_the_key_is(up, folder):
    said = (folder / "out").read_text()

    assert (folder / "url").read_text().strip() in said
    assert str(folder / "admin.key") in said
    assert (folder / "admin.key").read_text().strip() not in said


def test_what_the_store_says_lies_in_its_log(up, folder):
    assert "# WARNING" not in (folder / "out").read_text()
    assert (folder / "valkey" / "valkey.log").exists()


def test_the_key_is_for_its_owner_alone(up, folder):
    assert stat.S_IMODE((folder / "admin.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("words", ["valkey-server", "app.main", "worker.node"])
def test_what_dies_is_started_again(up, folder, words):
    [before] = parts(up, words)
    before.kill()

    until(lambda: any(part.pid != before.pid for part in parts(up, words)), what=words)
    until(lambda: trains(folder), what="a job to be trained")


def test_a_second_one_on_the_same_folder_is_refused(up, folder):
    second = subprocess.run([*COMMAND, str(folder)], capture_output=True, text=True, timeout=60, check=False)

    assert second.returncode != 0
    assert "--data-dir" in second.stderr


def test_after_ctrl_c_no_process_is_left(up, folder):
    with caller(folder) as client:
        job = client.submit({"task": "regression", "budget": {"steps": 10_000_000}})
        until(lambda: client.job(job.id).progress.step > 0, what="a job to run")
    family = up.children(recursive=True)

    up.send_signal(signal.SIGINT)

    assert up.wait(60) == 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert not (folder / "url").exists()


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("UNITSCALE_DATA_DIR", "x" * 150, "too long"),
        ("UNITSCALE_DATA_DIR", "/dev/null", "/dev/null"),
        ("UNITSCALE_SLOTS", "zz", "UNITSCALE_SLOTS"),
        ("UNITSCALE_PORT", "abc", "UNITSCALE_PORT"),
        ("UNITSCALE_HOST", "192.0.2.1", "cannot be listened on"),
    ],
)
def test_what_cannot_work_is_said_at_once(tmp_path, setting, value, said):
    environment = os.environ | {"UNITSCALE_DATA_DIR": str(tmp_path), "UNITSCALE_PORT": "0", setting: value}

    command = [sys.executable, "-m", "app.up"]
    up = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert up.returncode != 0
    assert said in up.stderr
    assert "Traceback" not in up.stderr
