"""The whole service as a child process, for as long as an example needs it."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unitscale.client import Client, Retries, Unreachable
from unitscale.errors import Away

READY_SECONDS = 90.0
STOP_SECONDS = 20.0
LOG_LINES = 15


class NotStarted(Exception):
    """The service did not come up; a note holds what it last said."""


@dataclass(frozen=True)
class Stack:
    """A service that answers."""

    url: str
    api_key: str
    data_folder: Path


@contextlib.contextmanager
def running() -> Iterator[Stack]:
    """API, worker and embedded store on a free port and in a temporary folder; gone without a trace at the end.

    Raises NotStarted.
    """
    with tempfile.TemporaryDirectory(prefix="unitscale-", ignore_cleanup_errors=True) as folder:
        stack = Stack(f"http://127.0.0.1:{_free_port()}", secrets.token_urlsafe(24), Path(folder))
        log = stack.data_folder / "service.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "unitscale.cli", "up"],
                env=_environment(stack),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C reaches this program, which then ends the service in order
            )
        try:
            _wait(stack, process)
            yield stack
        except Exception as error:
            error.add_note(_last_words(log))
            raise
        finally:
            _stop(process)


def _environment(stack: Stack) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNITSCALE_")}
    return inherited | {
        "UNITSCALE_PORT": stack.url.rpartition(":")[2],
        "UNITSCALE_API_KEY": stack.api_key,
        "UNITSCALE_DATA_DIR": str(stack.data_folder),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(stack: Stack, process: subprocess.Popen[bytes]) -> None:
    """Until the API answers and a worker has reported to it."""
    deadline = time.monotonic() + READY_SECONDS
    with Client(stack.url, stack.api_key, retries=Retries(tries=1)) as client:
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(Unreachable, Away):
                if client.workers():
                    return
            time.sleep(0.1)
    how = "ended at once" if process.poll() is not None else f"was not ready within {READY_SECONDS:.0f} seconds"
    raise NotStarted(f"The service {how}.")


def _last_words(log: Path) -> str:
    return "The service said last:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end as Ctrl-C would; then insist."""
    for number, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return
