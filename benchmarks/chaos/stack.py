"""A service whose parts can be killed one by one: Valkey, an API, and two nodes of one slot each."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil
import redis

from app.embedded import command
from unitscale.client import Client

KEY = "us_chaos-is-the-only-caller-here"
LEASE_SECONDS = 3.0


class Stack:
    """Starts the parts, restarts what was killed, ends them all."""

    def __init__(
        self, folder: Path, nodes: int = 2, slots: str = "1", variables: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        self.folder, self._slots = folder, slots
        self._variables = variables or {}
        """Of the environment of one part or another."""
        self._log = (folder / "log").open("ab")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._names = ["valkey", "api", *(f"node-{n}" for n in range(nodes))]
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self.redis = redis.Redis(unix_socket_path=str(folder / "valkey" / "valkey.sock"))

    def __enter__(self) -> Self:
        try:
            for name in self._names:
                self.start(name)
                if name == "valkey":
                    until(self.valkey_answers)
            until(lambda: self.ready() and self.spares() >= len(self.nodes))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.redis.close()
        for name in reversed(self.parts):
            tree = _tree(self.parts[name].pid)
            self.parts[name].send_signal(signal.SIGCONT)
            self.parts[name].terminate()
            _gone(self.parts[name], tree)
        self._log.close()

    def client(self) -> Client:
        """A caller with the admin's key."""
        return Client(self.url, KEY)

    @property
    def nodes(self) -> list[str]:
        """The names of the nodes."""
        return [name for name in self._names if name.startswith("node")]

    def start(self, name: str) -> None:
        """Start a part."""
        commands = {"valkey": command(self.folder / "valkey"), "api": [sys.executable, "-m", "app.main"]}
        self.parts[name] = subprocess.Popen(
            commands.get(name, [sys.executable, "-m", "worker.node"]),
            env=os.environ | self._environment() | self._variables.get(name, {}),
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        settings = {
            "DATA_DIR": str(self.folder),
            "API_KEY": KEY,
            "PORT": str(self.port),
            "SLOTS": self._slots,
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "MAX_UNFINISHED_JOBS": "1000000",
        }
        return {f"UNITSCALE_{name}": value for name, value in settings.items()}

    def kill(self, name: str) -> None:
        """SIGKILL a part and everything below it."""
        for process in [*_tree(self.parts[name].pid)[::-1]]:
            _send(process, signal.SIGKILL)
        self.parts[name].wait()

    def restart(self, name: str) -> None:
        """SIGKILL a part and start it again."""
        self.kill(name)
        self.start(name)

    def ready(self) -> bool:
        """Whether the API answers that it can serve."""
        try:
            with self.client() as client:
                client.health()
        except Exception:  # any failure means: not yet
            return False
        return True

    def valkey_answers(self) -> bool:
        """Whether Valkey answers."""
        try:
            return bool(self.redis.ping())
        except redis.exceptions.RedisError:
            return False

    def spares(self) -> int:
        """Trainers that exist, waiting or training, in train queues."""
        return len(self.processes("trainer"))

    def processes(self, kind: str) -> list[psutil.Process]:
        """Processes of one kind over all nodes: main (Celery's), supervisor, nursery, trainer."""
        level = {"main": 0, "supervisor": 1, "nursery": 2, "trainer": 3}[kind]
        found: list[psutil.Process] = []
        for node in self.nodes:
            below = [p for p in _children(psutil.Process(self.parts[node].pid)) if "side" not in " ".join(_line(p))]
            for _ in range(level):
                below = [child for process in below for child in _children(process)]
            found += below
        return found

    def side_mains(self) -> list[psutil.Process]:
        """Celery's workers of the side queue."""
        nodes = [psutil.Process(self.parts[node].pid) for node in self.nodes]
        return [child for node in nodes for child in _children(node) if "side" in " ".join(_line(child))]

    def side(self) -> list[psutil.Process]:
        """The same with all that they started, the youngest first."""
        return [process for main in self.side_mains() for process in _tree(main.pid)[::-1]]

    def said(self, words: str) -> int:
        """How often the parts wrote these words to their log."""
        return (self.folder / "log").read_text(errors="replace").count(words)


def until(condition: Callable[[], bool], seconds: float = 60.0, what: str = "a condition") -> None:
    """Wait for something. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what} in vain")
        time.sleep(0.02)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.NoSuchProcess:
        return []


def _line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _gone(part: subprocess.Popen[bytes], tree: list[psutil.Process]) -> None:
    try:
        part.wait(45)
    except subprocess.TimeoutExpired:
        part.kill()
        part.wait()
    _, alive = psutil.wait_procs(tree, timeout=10)
    for process in alive:
        _send(process, signal.SIGKILL)
