"""The local stack: an embedded Valkey, the API and a worker node, kept alive until Ctrl-C.

python -m app.up
"""

import asyncio
import errno
import fcntl
import os
import signal
import socket
import sys
from pathlib import Path

import httpx2

from app.embedded import LOG, command
from unitscale.errors import StoreAway
from unitscale.wire.children import Child, Children
from unitscale.wire.logging import configure
from unitscale.wire.settings import Settings
from unitscale.wire.store import CONNECT_SECONDS, Store, connect

GRACE_SECONDS = 40.0
READY_SECONDS = 60.0
POLL_SECONDS = 0.05
READY = 200
LOG_LINES = 10
LONGEST_SOCKET = 107


class Unusable(Exception):
    """What `up` needs is in use, or cannot be used."""


async def run(settings: Settings) -> None:
    """Start everything, say where it is, and keep it alive until SIGTERM or SIGINT. Raises Unusable."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    folder = settings.data_folder
    _check_socket(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _locked(folder / "lock")
    children, url = Children(GRACE_SECONDS), f"http://{_bracketed(settings.host)}:{_port(settings)}"
    try:
        await _start(children, settings, url)
        await _until_ready(url, stop)
        _announce(settings, url)
        await stop.wait()
    finally:
        print("Stopping: running jobs are checkpointed and go back to the queue.", file=sys.stderr)  # noqa: T201
        (folder / "url").unlink(missing_ok=True)
        await children.stop()
        os.close(lock)


async def _start(children: Children, settings: Settings, url: str) -> None:
    port = {"UNITSCALE_PORT": url.rpartition(":")[2]}
    store = {"UNITSCALE_REDIS_URL": settings.store_url, "UNITSCALE_DATA_DIR": str(settings.data_folder)}
    if settings.redis_url is None:
        await children.start(Child("valkey", command(settings.data_folder / "valkey")))
        await _until_answering(settings)
    await children.start(Child("worker", [sys.executable, "-m", "worker.node"], store | {"UNITSCALE_API_KEY": ""}))
    await children.start(Child("api", [sys.executable, "-m", "app.main"], store | port))


def _check_socket(folder: Path) -> None:
    length = len(str(folder / "valkey" / "valkey.sock").encode())
    if length > LONGEST_SOCKET:
        shorter = f"is {length - LONGEST_SOCKET} bytes too long for a socket to lie in; choose another with --data-dir"
        raise Unusable(f"The path {folder} {shorter}.")


async def _until_answering(settings: Settings) -> None:
    store = Store(connect(settings.store_url, CONNECT_SECONDS))
    try:
        async with asyncio.timeout(READY_SECONDS):
            while not await _answers(store):  # noqa: ASYNC110  it is another process that is waited for
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise Unusable(f"The store does not answer. {_said(settings.data_folder / 'valkey' / LOG)}") from error
    await store.redis.aclose()


def _said(log: Path) -> str:
    """The last that the store wrote, and where the rest is."""
    lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
    return "\n".join([f"Its log, {log}, ends:" if lines else "It has written nothing.", *lines])


async def _answers(store: Store) -> bool:
    try:
        return bool(await store.read(("PING",)))
    except StoreAway:
        return False


async def _until_ready(url: str, stop: asyncio.Event) -> None:
    try:
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as http, asyncio.timeout(READY_SECONDS):
            while not stop.is_set() and not await _is_ready(http):  # noqa: ASYNC110  as above
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise Unusable("The service did not get ready in time; is the store of UNITSCALE_REDIS_URL there?") from error


async def _is_ready(http: httpx2.AsyncClient) -> bool:
    try:
        return (await http.get("/readyz")).status_code == READY
    except httpx2.TransportError:
        return False


def _announce(settings: Settings, url: str) -> None:
    (settings.data_folder / "url").write_text(url + "\n")
    key = "UNITSCALE_API_KEY" if settings.api_key else settings.data_folder / "admin.key"
    print(f"Unitscale is up at {url}  (docs: {url}/docs)\nThe admin key is in {key}\nCtrl-C stops it.", flush=True)  # noqa: T201


def _port(settings: Settings) -> int:
    """The port asked for, or a free one for 0. Raises Unusable."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "is in use; choose another with --port" if taken else f"cannot be listened on: {error.strerror}"
            raise Unusable(f"Port {settings.port} of {settings.host} {why}.") from error
        return int(probe.getsockname()[1])


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _locked(path: Path) -> int:
    """A lock that ends with this process. Raises Unusable."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Unusable(f"Another `unitscale up` uses {path.parent}; choose another folder with --data-dir.") from error
    return lock


def main() -> None:
    """Run the stack with the settings of the environment."""
    settings = Settings.of_environment()
    configure(settings.log_level)
    try:
        asyncio.run(run(settings))
    except (Unusable, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
