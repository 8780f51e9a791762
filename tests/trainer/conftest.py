"""What tests of the trainer stand on: groups trained here and now, and trainers as processes of their own."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from worker.pipe import MESSAGE, Ended, Lane, Points, Resume, Saved, Stop, Stopped, Train
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs.group import train_group

WEIGHTS = Path(__file__).parents[2] / "docs" / "weights.md"
POINT = np.dtype([("step", "<u4"), ("value", "<f4")])


@dataclass
class Record:
    """One job's messages, kept as the service keeps them: points at their offsets, the last checkpoint, the end."""

    lane: Lane
    said: list = field(default_factory=list)
    curves: dict[str, bytes] = field(default_factory=dict)
    saved: Saved | None = None
    ended: Ended | None = None
    stopped: Stopped | None = None

    def hear(self, message) -> None:
        self.said.append(message)
        if isinstance(message, Points):
            for key, stretch in message.curves.items():
                before = self.curves.get(key, b"")[: stretch.offset * POINT.itemsize]
                assert len(before) == stretch.offset * POINT.itemsize, "points are missing"
                self.curves[key] = before + base64.b64decode(stretch.data)
        for kind, name in ((Saved, "saved"), (Ended, "ended"), (Stopped, "stopped")):
            if isinstance(message, kind):
                setattr(self, name, message)

    def points(self, key: str) -> np.ndarray:
        return np.frombuffer(self.curves.get(key, b""), POINT)

    def weights(self) -> dict[str, torch.Tensor]:
        return load_file(Path(self.lane.folder) / "artifacts" / "model.safetensors")

    def next_lane(self) -> Lane:
        """The lane of the attempt that starts at the last checkpoint."""
        assert self.saved is not None
        resume = Resume(step=self.saved.step, folder=str(Path(self.lane.folder) / self.saved.folder))
        attempt = self.lane.attempt + 1
        folder = str(Path(self.lane.folder).with_name(f"{self.lane.job}-{attempt}"))
        return self.lane.model_copy(update={"attempt": attempt, "folder": folder, "resume": resume})

    def next_record(self) -> "Record":
        """What the service keeps of this attempt when the next one starts."""
        kept = {key: self.curves[key][: count * POINT.itemsize] for key, count in self.saved.points.items()}
        return Record(self.next_lane(), curves=kept)


class Ear:
    """A line that is heard here; after each message it may wish for stops."""

    def __init__(self, records: list[Record], interrupt: Interrupt, wish: Callable = lambda message: None) -> None:
        self._records = {record.lane.job: record for record in records}
        self._interrupt, self._wish = interrupt, wish

    def send(self, message) -> None:
        self._records[message.job].hear(message)
        if why := self._wish(message):
            self._interrupt.stop(Stop(job=message.job, why=why))


@pytest.fixture(scope="session")
def library(tmp_path_factory) -> Path:
    torch.set_num_threads(1)
    return tmp_path_factory.mktemp("library")


@pytest.fixture
def a_lane(tmp_path) -> Callable[..., Lane]:
    """A lane for a spec, which names only what the test is about."""
    numbers = iter(range(1000))

    def make(spec: dict, job: str | None = None) -> Lane:
        job = job or f"job{next(numbers)}"
        resolved = resolve(JobSpec.model_validate({"task": "regression", **spec}), "cpu")
        return Lane(job=job, attempt=1, spec=resolved, folder=str(tmp_path / f"{job}-1"))

    return make


@pytest.fixture
def train(library, a_lane) -> Callable[..., list[Record]]:
    """Trains specs, or goes on with records, as one group in this process."""

    def run(*jobs: dict | Record, wish: Callable = lambda message: None) -> list[Record]:
        records = [job if isinstance(job, Record) else Record(a_lane(job)) for job in jobs]
        interrupt = Interrupt()
        order = Train(lanes=tuple(record.lane for record in records))
        train_group(order, Ear(records, interrupt, wish), interrupt, library)
        return records

    return run


@pytest.fixture(scope="session")
def train_once(library, tmp_path_factory) -> Callable[[dict], Record]:
    """Trains a spec the first time it is asked for. What comes back is shared: it is only looked at."""
    records: dict[str, Record] = {}

    def run(spec: dict) -> Record:
        if (key := json.dumps(spec, sort_keys=True)) not in records:
            resolved = resolve(JobSpec.model_validate({"task": "regression", **spec}), "cpu")
            record = Record(Lane(job="once", attempt=1, spec=resolved, folder=str(tmp_path_factory.mktemp("once"))))
            interrupt = Interrupt()
            train_group(Train(lanes=(record.lane,)), Ear([record], interrupt), interrupt, library)
            records[key] = record
        return records[key]

    return run


@pytest.fixture
def scales_of() -> Callable[[Record, Record], dict[str, float]]:
    """The first RMS of every curve of scales of a job, which in all else is the same as one that measured none."""

    def read(measured: Record, plain: Record) -> dict[str, float]:
        assert measured.ended.result is not None, measured.ended.reason
        assert {key: measured.curves[key] for key in plain.curves} == plain.curves
        assert all(torch.equal(tensor, plain.weights()[name]) for name, tensor in measured.weights().items())
        return {key: measured.points(key)["value"][0] for key in measured.curves if key.startswith("rms.")}

    return read


@pytest.fixture
def documented() -> Callable[..., Any]:
    """Runs a function that docs/weights.md shows on what a model left, in a process that knows no more."""

    def run(folder: Path, function: str, given: Any, of_each: bool = False) -> Any:
        shown = re.findall(r"```python\n(.*?)```", WEIGHTS.read_text(), re.DOTALL)
        [code] = [each for each in shown if f"def {function}(" in each]
        code += "\ngiven = json.loads(__import__('sys').stdin.read())"
        code += f"\nfound = {f'[{function}(each) for each in given]' if of_each else f'{function}(given)'}"
        code += "\nprint(json.dumps(found.tolist() if isinstance(found, torch.Tensor) else found))"
        command, asked = [sys.executable, "-c", code], json.dumps(given)
        done = subprocess.run(command, cwd=folder, input=asked, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


class Process:
    """A real trainer at the end of real pipes."""

    def __init__(self, library: Path) -> None:
        environment = {**os.environ, "UNITSCALE_CACHE_DIR": str(library)}
        command = [sys.executable, "-m", "worker.trainer.main"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        assert self.hear().say == "ready"

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, order) -> None:
        self._process.stdin.write(order.model_dump_json().encode() + b"\n")
        self._process.stdin.flush()

    def hear(self):
        return MESSAGE.validate_json(self._process.stdout.readline())

    def follow(self, record: Record) -> Iterator:
        """All further messages, kept in the record."""
        for line in self._process.stdout:
            record.hear(message := MESSAGE.validate_json(line))
            yield message

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self.wait()

    def hang_up(self) -> None:
        self._process.stdin.close()

    def wait(self) -> int:
        return self._process.wait(60)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


@pytest.fixture
def a_trainer(library) -> Iterator[Callable[[], Process]]:
    started: list[Process] = []

    def start() -> Process:
        started.append(Process(library))
        return started[-1]

    yield start
    for process in started:
        process.close()


@pytest.fixture
def record_of() -> type[Record]:
    return Record


@pytest.fixture
def ear() -> type[Ear]:
    return Ear
