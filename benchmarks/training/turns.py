"""Turns: loops that train in processes of their own, each going on when it is told to, one at a time."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple, Self, TypeVar

Batch = TypeVar("Batch")


def alone() -> dict[str, str]:
    """The environment of a process on one thread."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Turn(NamedTuple):
    """What one loop did until it was another's turn."""

    cpu_seconds: float
    """Of the whole process, every thread of it."""
    losses: list[float]


class Turns:
    """Inside a loop: stops it after every `steps` steps, says what they took, and waits for its next turn."""

    def __init__(self, steps: int, losses: Callable[[int], list[float]]) -> None:
        self._steps, self._losses = steps, losses
        self._out = os.fdopen(os.dup(sys.stdout.fileno()), "w")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is not part of the talk
        self._done, self._began = 0, 0.0

    def of(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The same batches; to ask for one is to begin a step."""
        for batch in batches:
            self.begin_step()
            yield batch

    def begin_step(self) -> None:
        """Called before every step."""
        if self._done % self._steps == 0:
            self._wait()
        self._done += 1

    def _wait(self) -> None:
        if self._done:
            losses = self._losses(self._done)[-self._steps :]
            seconds = time.process_time() - self._began
            print(json.dumps(Turn(seconds, losses)), file=self._out, flush=True)
        if not sys.stdin.readline():
            os._exit(0)
        self._began = time.process_time()


class Runner:
    """Outside: a loop in a process of its own, which trains while it is asked to."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=alone(),
        )

    def turn(self) -> Turn:
        """Let it take its steps."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"{self._process.args} ended with {self._process.wait()}."
        return Turn(*json.loads(answer))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def runners(commands: dict[str, tuple[str, ...]]) -> Iterator[dict[str, Runner]]:
    """Several loops side by side."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(Runner(*command)) for name, command in commands.items()}
