"""What each of two ranks has to do of one device's work, in CPU time, and how far their losses are from its; one thread
each."""

import base64
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import kinds
from benchmarks.figures import Figure, Ledger, median
from benchmarks.training.turns import alone
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from worker.pipe import MESSAGE, Lane, Points, Train
from worker.trainer.runs.reporter import POINT

ROUNDS = 3
MILLION = 1e6
STEPS = (10, 310)
"""Of a short and a long run: what they differ by is training, without the start."""
WORKS: dict[str, dict[str, Any]] = {
    "GPT 2 × 64": {"width": 64, "depth": 2, "head_size": 16, "context": 64},
    "GPT 4 × 128": {"width": 128, "depth": 4, "head_size": 32, "context": 128},
}


def measure(ledger: Ledger) -> None:
    """One device and two in turns."""
    with tempfile.TemporaryDirectory(prefix="ranks-") as folder:
        for name in kinds.WORKS:
            apart = _apart(name, Path(folder) / name) * MILLION
            what = f"{name}, {kinds.STEPS} steps at default rates: losses of two devices from one's, at most"
            ledger.note(Figure(what, apart, "e-6", at_most=10))
    with tempfile.TemporaryDirectory(prefix="ranks-") as folder:
        for name, model in WORKS.items():
            rounds = [(_step(model, 1, Path(folder)), _step(model, 2, Path(folder))) for _ in range(ROUNDS)]
            share = median(two / 2 / one for one, two in rounds)
            ledger.note(Figure(f"{name}, batch 16: CPU time of one of two ranks over one device's", share))


def _step(model: dict[str, Any], devices: int, folder: Path) -> float:
    """CPU seconds of a step, of all ranks together."""
    short, long = (_trained(model, steps, devices, folder) for steps in STEPS)
    return (long - short) / (STEPS[1] - STEPS[0])


def _apart(name: str, folder: Path) -> float:
    """The largest difference between a training loss on one device and on two."""
    one, two = (_losses(kinds.lane(name, kinds.STEPS, folder / str(count)), count, folder) for count in (1, 2))
    assert len(one) == len(two) == kinds.STEPS
    return float(np.abs(one - two).max())


def _losses(lane: Lane, devices: int, library: Path) -> np.ndarray:
    messages = [MESSAGE.validate_json(line) for line in _said(lane, devices, library).splitlines()]
    curves = [message.curves["train_loss"].data for message in messages if isinstance(message, Points)]
    return np.frombuffer(b"".join(map(base64.b64decode, curves)), POINT)["value"]


def _trained(model: dict[str, Any], steps: int, devices: int, folder: Path) -> float:
    """CPU seconds of a trainer that trains so many steps, its ranks included."""
    before = _of_children()
    _said(Lane(job="one", attempt=1, spec=_spec(model, steps), folder=str(folder / "job")), devices, folder)
    return _of_children() - before


def _said(lane: Lane, devices: int, library: Path) -> str:
    """All that a trainer says of a job."""
    order = Train(devices=("cpu",) * devices, lanes=(lane,)).model_dump_json() + "\n"
    command = [sys.executable, "-m", "worker.trainer.main"]
    environment = {**alone(), "UNITSCALE_CACHE_DIR": str(library)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as trainer:
        assert trainer.stdin is not None and trainer.stdout is not None  # noqa: PT018  both are pipes
        trainer.stdin.write(order.encode())
        trainer.stdin.flush()
        said = trainer.stdout.read().decode()
    assert '"result":{' in said, said[-500:]
    return said


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _spec(model: dict[str, Any], steps: int) -> JobSpec:
    wanted = {
        "task": "text-generation",
        "dataset": "grammar",
        "model": model,
        "units": {"batch_size": 16},
        "budget": {"steps": steps},
        "evaluation": {"every_steps": steps},
    }
    return resolve(JobSpec.model_validate(wanted), "cpu")
