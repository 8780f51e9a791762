"""Small honest objects: a server in a thread, a Valkey that can be stopped, a supervisor that trains nothing."""

import asyncio
import contextlib
import itertools
import struct
import subprocess
import threading
import time
from pathlib import Path
from typing import Self

import httpx2
import uvicorn

from app.embedded import command
from app.main import create_app
from unitscale.models.jobs import Artifact, Reason, Result
from unitscale.models.keys import NewKey
from unitscale.wire.attempts import Advance, Attempts, Claimed, Stretch
from unitscale.wire.keyring import Keyring
from unitscale.wire.questions import Questions
from unitscale.wire.settings import Settings
from unitscale.wire.store import Store, connect
from unitscale.wire.workers import Workers

ADMIN = "us_admin"
SPEC = {"task": "regression", "dataset": "linear", "model": {"kind": "linear"}, "budget": {"steps": 100}}

TICKETS = itertools.count()


class Server:
    """An application that listens, in a thread."""

    def __init__(self, settings: Settings) -> None:
        self.app = create_app(settings)
        config = uvicorn.Config(self.app, port=0, log_level="critical", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    def wait(self) -> None:
        """Until it is ready: it listens before it has put the admin's key into the record."""
        while not self.app.state.services.admission.done:
            time.sleep(0.005)

    def client(self, secret: str | None = ADMIN) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=20, trust_env=False)


class Valkey:
    """A private server that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"unix://{folder}/valkey.sock"

    def start(self) -> None:
        self._process = subprocess.Popen(command(self._folder), stdout=subprocess.DEVNULL)
        while not (self._folder / "valkey.sock").exists():
            time.sleep(0.01)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        with contextlib.suppress(FileNotFoundError):
            (self._folder / "valkey.sock").unlink()


class Supervisor:
    """Does to the record what a worker does, one verb at a time."""

    def __init__(self, url: str, hardware: str = "") -> None:
        self._runner = asyncio.Runner()
        self._store = Store(connect(url, 5))
        self.attempts = Attempts(self._store, lease_seconds=60, max_losses=5, hardware=hardware)
        self.questions = Questions(self._store)
        self.keyring = Keyring(self._store)
        self.workers = Workers(self._store)
        self._points: dict[tuple[str, str], int] = {}

    def run(self, coroutine):
        return self._runner.run(coroutine)

    def flush(self) -> None:
        self.run(self._store.read(("FLUSHDB",)))
        self._points.clear()

    def close(self) -> None:
        self.run(self._store.redis.aclose())
        self._runner.close()

    def claim(self, queue: str = "cpu-1") -> Claimed:
        [job] = self.run(self.attempts.claim(queue, f"ticket-{next(TICKETS)}", "w1", "cpu"))
        self._points = {key: count for key, count in self._points.items() if key[0] != job.id}
        return job

    def advance(self, job: Claimed, step: int, seconds_a_step: float = 0.1, **curves: list[tuple[int, float]]) -> None:
        stretches = [self._stretch(job.id, key, points) for key, points in curves.items()]
        seconds = step * seconds_a_step
        to = Advance(step=step, steps=100, training_seconds=seconds, evaluation_seconds=0.0, examples=step * 4)
        self.run(self.attempts.advance(job, to, stretches))

    def _stretch(self, job_id: str, key: str, points: list[tuple[int, float]]) -> Stretch:
        offset = self._points.get((job_id, key), 0)
        self._points[job_id, key] = offset + len(points)
        return Stretch(key, offset, b"".join(struct.pack("<If", step, value) for step, value in points))

    def log(self, job: Claimed, *lines: str) -> None:
        self.run(self.attempts.log(job, lines))

    def publish(self, job: Claimed, step: int) -> None:
        pointer = {"step": step, "attempt": job.attempt, "folder": "x", "bytes": 10, "points": {}}
        self.run(self.attempts.publish(job, pointer))

    def succeed(self, job: Claimed, artifacts: tuple[Artifact, ...] = (), **result: object) -> None:
        self.run(self.attempts.succeed(job, Result(stopped_by="budget", parameters=2, **result), artifacts))

    def fail(self, job: Claimed, code: str = "diverged") -> None:
        self.run(self.attempts.fail(job, Reason(code=code, message="It went wrong.")))

    def copies(self, job_id: str, count: int) -> list[str]:
        """Ids of jobs that are this one over again, all in its project."""
        [record] = self.run(self._store.read(("HGETALL", f"job:{job_id}")))
        record[b"state"], project = b"paused", record[b"project"].decode()
        ids = [f"job_{number:020}" for number in range(count)]
        commands = []
        for number, copy in enumerate(ids, 10):
            fields = [part for pair in {**record, b"number": number}.items() for part in pair]
            commands += [("HSET", f"job:{copy}", *fields), ("ZADD", f"jobs:{project}", number, copy)]
        self.run(self._store.read(*commands))
        return ids

    def admit(self, secret: str, project: str = "default", *scopes: str) -> None:
        self.run(self.keyring.admit(secret, NewKey(project=project, scopes=scopes or ("admin",))))
