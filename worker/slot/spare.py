"""The warm spare: a trainer that waits, torch imported and warm, for the next job of its slot."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from unitscale.errors import Internal
from worker import environment
from worker.pipe import MESSAGE, Order

LINE_BYTES = 64 * 2**20
RANKS_SECONDS = 5.0
Birth = tuple[int, "asyncio.Future[int]"]
"""A new trainer's pid, and its status to come: it may be dead before anybody has read of its birth."""


@dataclass
class Trainer:
    """A process that trains, and its three pipes."""

    pid: int
    orders: asyncio.StreamWriter
    messages: asyncio.StreamReader
    log: asyncio.StreamReader
    status: "asyncio.Future[int]"
    """What `os.waitpid` says of it, once it is gone; -1 when nobody could tell."""

    async def order(self, order: Order) -> None:
        """Tell it what to do. One that is gone hears nothing."""
        with contextlib.suppress(ConnectionError):
            self.orders.write(order.model_dump_json().encode() + b"\n")
            await self.orders.drain()

    async def said(self) -> AsyncIterator[Any]:
        """Its messages, until it is gone. Raises Internal for one that means nothing."""
        while line := await self.messages.readline():
            yield _understood(line)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to whatever it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def gone(self) -> int:
        """Kill it if it still lives; its status, once whatever it started is gone as well."""
        self.orders.close()
        if not self.status.done():
            self.signal(signal.SIGKILL)
        status = await self.status
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RANKS_SECONDS):
                while await self.messages.read(LINE_BYTES):  # its ranks hold this pipe open
                    pass
        return status


class Nursery:
    """The process that trainers are forked from; started again when it dies."""

    def __init__(self, cache_folder: Path) -> None:
        self._cache_folder = cache_folder
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: asyncio.StreamWriter | None = None
        self._socket: socket.socket | None = None
        self._births: asyncio.Queue[Birth | None] = asyncio.Queue()
        self._living: dict[int, asyncio.Future[int]] = {}
        self._listener: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    async def trainer(self) -> Trainer:
        """A new trainer. Waits while torch is imported, once. Raises ConnectionError when the nursery keeps dying."""
        for _ in range(3):
            async with self._lock:
                born = await self._born()
            if born is not None:
                return born
        raise ConnectionError("The process that trainers are forked from dies at start; see the worker's log.")

    def close(self) -> None:
        """End the nursery, and with it every trainer that still waits."""
        if self._connection is not None:
            self._connection.close()
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def _born(self) -> Trainer | None:
        if self._listener is None or self._listener.done():
            await self._start()
        ours, theirs = _pipes()
        try:
            socket.send_fds(self._socket, [b"+"], theirs)  # type: ignore[arg-type]  # _start made it
            birth = await self._births.get()
        except OSError:
            birth = None
        for fd in theirs:
            os.close(fd)
        if birth is None:
            for fd in ours:
                os.close(fd)
            return None
        pid, status = birth
        return Trainer(pid, await _writer(ours[0]), await _reader(ours[1]), await _reader(ours[2]), status)

    async def _start(self) -> None:
        self.close()
        self._socket = self._spawn()
        self._births = asyncio.Queue()
        reader, self._connection = await asyncio.open_connection(sock=self._socket.dup())
        self._listener = asyncio.create_task(self._listen(reader, self._births))

    def _spawn(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "worker.trainer.process.nursery", str(theirs.fileno())]
        self._process = subprocess.Popen(  # noqa: S603  our own module
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=environment.of_trainers(self._cache_folder),
            start_new_session=True,
        )
        theirs.close()
        return ours

    async def _listen(self, reader: asyncio.StreamReader, births: "asyncio.Queue[Birth | None]") -> None:
        while line := await reader.readline():
            word, *numbers = line.decode().split()
            if word == "born":
                status = self._living[int(numbers[0])] = asyncio.get_running_loop().create_future()
                births.put_nowait((int(numbers[0]), status))
            elif word == "died":
                self._living.pop(int(numbers[0])).set_result(int(numbers[1]))
        births.put_nowait(None)
        for pid in list(self._living):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            self._living.pop(pid).set_result(-1)


class Spare:
    """One trainer kept ready, so that a job starts in milliseconds."""

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery
        self._waiting: asyncio.Future[Trainer] | None = None

    def prepare(self) -> None:
        """Begin to make the next trainer, unless one is ready."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._nursery.trainer())

    async def begin(self) -> None:
        """Ask for the first trainer and go: torch is imported while nobody waits."""
        self.prepare()
        await asyncio.sleep(0.1)

    async def take(self) -> Trainer:
        """The trainer that is ready, or the next one that will be. Raises ConnectionError when none can be made."""
        while True:
            self.prepare()
            waiting, self._waiting = self._waiting, None
            trainer = await waiting  # type: ignore[misc]  # prepare made it
            if not trainer.status.done():
                return trainer

    def put_back(self, trainer: Trainer) -> None:
        """Keep a trainer that was not needed."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._waiting.set_result(trainer)


def _understood(line: bytes) -> Any:
    try:
        return MESSAGE.validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Internal(f"What the trainer says cannot be understood. {where}: {first['msg']}.") from error


def _pipes() -> tuple[list[int], list[int]]:
    """Our ends and theirs of stdin, stdout, stderr."""
    (their_in, our_in), (our_out, their_out), (our_err, their_err) = os.pipe(), os.pipe(), os.pipe()
    return [our_in, our_out, our_err], [their_in, their_out, their_err]


async def _reader(fd: int) -> asyncio.StreamReader:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", 0))
    return reader


async def _writer(fd: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    pipe = os.fdopen(fd, "wb", 0)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, pipe)
    return asyncio.StreamWriter(transport, protocol, None, loop)
