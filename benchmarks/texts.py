"""The memory that a text of a gigabyte takes: to be checked, and to be trained on."""

import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.chaos.stack import Stack
from benchmarks.figures import Figure, Ledger
from benchmarks.service import service
from unitscale.client import Client
from unitscale.models.datasets import DatasetState
from unitscale.models.jobs import State

GIGABYTE = 10**9
MEBIBYTE = 2**20
LETTERS = np.frombuffer(b"etaoinshrdlucmfwypvbgkjqxz      \n.", dtype=np.uint8)
EVERY_SECONDS = 0.02


class Peak:
    """The most anonymous memory that any one process of these has, watched until it is read."""

    def __init__(self, processes: "list[psutil.Process]") -> None:
        self._known, self._most, self._over = processes, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def read(self) -> float:
        """In MiB."""
        self._over.set()
        self._thread.join()
        return self._most / MEBIBYTE

    def _watch(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            for process in {child for main in self._known for child in main.children(recursive=True)}:
                self._most = max(self._most, _anonymous(process))


def measure(ledger: Ledger) -> None:
    """Uploaded, checked, trained on, over HTTP."""
    with tempfile.TemporaryDirectory(prefix="text-") as folder, service(nodes=1) as stack, stack.client() as client:
        file = _text(Path(folder) / "words.txt")
        began, peak = time.monotonic(), Peak(stack.side_mains())
        dataset = client.checked(client.upload(file, "text-generation").id)
        assert dataset.state is DatasetState.READY, dataset.reason
        ledger.note(Figure("1 GB of text: upload and check", time.monotonic() - began, "s"))
        ledger.note(Figure("the check's anonymous memory", peak.read(), "MiB", at_most=512))
        ledger.note(Figure("training's anonymous memory", _training(stack, client, dataset.id), "MiB", at_most=512))


def _training(stack: Stack, client: Client, dataset: str) -> float:
    peak = Peak(stack.processes("supervisor"))
    model = {"width": 32, "depth": 1, "head_size": 16, "context": 64}
    spec = {"task": "text-generation", "dataset": dataset, "model": model, "budget": {"steps": 200}}
    job = client.wait(client.submit(spec).id)
    assert job.state is State.SUCCEEDED, job.reason
    return peak.read()


def _text(file: Path) -> Path:
    """Letters as often as in English, drawn from a seed."""
    chance = np.random.default_rng(0)
    with file.open("wb") as out:
        for _ in range(100):
            out.write(LETTERS[chance.integers(0, len(LETTERS), GIGABYTE // 100)].tobytes())
    return file


def _anonymous(process: psutil.Process) -> int:
    """Bytes that no file stands behind; what is gone has none."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")]
    return int(found[0]) * 1024 if found else 0
