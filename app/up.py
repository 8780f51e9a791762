"""The local stack: an embedded Valkey, the API and a worker node, kept alive until Ctrl-C.

python -m app.up
"""

import asyncio
import fcntl
import os
import signal
import socket
import sys
from pathlib import Path

import httpx2

from app.embedded import command
from unitscale.errors import StoreAway
from unitscale.wire.children import Child, Children
from unitscale.wire.logging import configure
from unitscale.wire.settings import Settings
from unitscale.wire.store import CONNECT_SECONDS, Store, connect

GRACE_SECONDS = 40.0
READY_SECONDS = 60.0
POLL_SECONDS = 0.05
READY = 200


class Taken(Exception):
    """What `up` needs is in use."""


async def run(settings: Settings) -> None:
    """Start everything, say where it is, and keep it alive until SIGTERM or SIGINT. Raises Taken."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    folder = settings.data_folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _locked(folder / "lock")
    children, url = Children(GRACE_SECONDS), f"http://{settings.host}:{_port(settings)}"
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
        await _until_answering(settings.store_url)
    await children.start(Child("worker", [sys.executable, "-m", "worker.node"], store))
    await children.start(Child("api", [sys.executable, "-m", "app.main"], store | port))


async def _until_answering(url: str) -> None:
    store = Store(connect(url, CONNECT_SECONDS))
    async with asyncio.timeout(READY_SECONDS):
        while True:
            try:
                await store.read(("PING",))
                break
            except StoreAway:
                await asyncio.sleep(POLL_SECONDS)
    await store.redis.aclose()


async def _until_ready(url: str, stop: asyncio.Event) -> None:
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as http, asyncio.timeout(READY_SECONDS):
        while not stop.is_set():
            try:
                if (await http.get("/readyz")).status_code == READY:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(POLL_SECONDS)


def _announce(settings: Settings, url: str) -> None:
    (settings.data_folder / "url").write_text(url + "\n")
    key = "UNITSCALE_API_KEY" if settings.api_key else settings.data_folder / "admin.key"
    print(f"Unitscale is up at {url}  (docs: {url}/docs)\nThe admin key is in {key}\nCtrl-C stops it.", flush=True)  # noqa: T201


def _port(settings: Settings) -> int:
    """The port asked for, or a free one for 0. Raises Taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise Taken(f"Port {settings.port} of {settings.host} is in use; choose another with --port.") from error
        return int(probe.getsockname()[1])


def _locked(path: Path) -> int:
    """A lock that ends with this process. Raises Taken."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Taken(f"Another `unitscale up` uses {path.parent}; choose another folder with --data-dir.") from error
    return lock


def main() -> None:
    """Run the stack with the settings of the environment."""
    settings = Settings()
    configure(settings.log_level)
    try:
        asyncio.run(run(settings))
    except (Taken, TimeoutError) as error:
        sys.exit(f"error: {error or 'the service did not get ready in time; see above'}")


if __name__ == "__main__":
    main()
