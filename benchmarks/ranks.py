"""What each of two ranks has to do of one device's work, in CPU time; one thread each."""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Ledger, median
from benchmarks.training.turns import alone
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from worker.pipe import Lane, Train

ROUNDS = 3
STEPS = (10, 310)
"""Of a short and a long run: what they differ by is training, without the start."""
WORKS: dict[str, dict[str, Any]] = {
    "GPT 2 × 64": {"width": 64, "depth": 2, "head_size": 16, "context": 64},
    "GPT 4 × 128": {"width": 128, "depth": 4, "head_size": 32, "context": 128},
}


def measure(ledger: Ledger) -> None:
    """One device and two in turns."""
    with tempfile.TemporaryDirectory(prefix="ranks-") as folder:
        for name, model in WORKS.items():
            rounds = [(_step(model, 1, Path(folder)), _step(model, 2, Path(folder))) for _ in range(ROUNDS)]
            share = median(two / 2 / one for one, two in rounds)
            ledger.note(Figure(f"{name}, batch 16: CPU time of one of two ranks over one device's", share))


def _step(model: dict[str, Any], devices: int, folder: Path) -> float:
    """CPU seconds of a step, of all ranks together."""
    short, long = (_trained(model, steps, devices, folder) for steps in STEPS)
    return (long - short) / (STEPS[1] - STEPS[0])


def _trained(model: dict[str, Any], steps: int, devices: int, folder: Path) -> float:
    """CPU seconds of a trainer that trains so many steps, its ranks included."""
    before = _of_children()
    lane = Lane(job="one", attempt=1, spec=_spec(model, steps), folder=str(folder / "job"))
    order = Train(devices=("cpu",) * devices, lanes=(lane,)).model_dump_json() + "\n"
    command = [sys.executable, "-m", "worker.trainer.main"]
    environment = {**alone(), "UNITSCALE_CACHE_DIR": str(folder)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as trainer:
        assert trainer.stdin is not None and trainer.stdout is not None  # noqa: PT018  both are pipes
        trainer.stdin.write(order.encode())
        trainer.stdin.flush()
        said = trainer.stdout.read().decode()
    assert '"result":{' in said, said[-500:]
    return _of_children() - before


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
