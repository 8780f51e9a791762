"""Checkpoints: all that the next step depends on, in a folder `checkpoints/step-N` of the attempt."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from worker.trainer.engine import kernels as products
from worker.trainer.runs.durable import new_folder

WEIGHTS, STATE = "model.safetensors", "state.pt"


class Snapshot(NamedTuple):
    """One lane at one step. Its tensors are copies: training may go on while it is written."""

    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    facts: dict[str, Any]
    """Step, points of each curve, seconds and examples so far, and what else the numbers hang on."""


def name(step: int) -> str:
    """Where a checkpoint lies, relative to its attempt's folder."""
    return f"checkpoints/step-{step}"


def write(folder: Path, snapshot: Snapshot) -> int:
    """Write a checkpoint, whole and fsynced; its size in bytes."""
    with new_folder(folder) as unfinished:
        save_file(snapshot.weights, unfinished / WEIGHTS)
        torch.save({"optimizer": snapshot.optimizer, "facts": snapshot.facts}, unfinished / STATE)
    return sum(file.stat().st_size for file in folder.iterdir())


def read(folder: Path) -> Snapshot:
    """The checkpoint that lies in `folder`."""
    state = torch.load(folder / STATE, weights_only=True, map_location="cpu")
    return Snapshot(load_file(folder / WEIGHTS), state["optimizer"], state["facts"])


def kernels() -> dict[str, Any]:
    """What, besides the state, decides the last bit of a result."""
    return {
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "mkldnn": torch.backends.mkldnn.enabled,
        "products": products.current(),
        "matmul_precision": torch.backends.cuda.matmul.fp32_precision,
        "torch": str(torch.__version__),
    }
