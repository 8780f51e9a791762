"""The machine that the engine is measured on: its processor, and what its matrix products reach."""

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Figure, Ledger
from benchmarks.training.turns import alone

if TYPE_CHECKING:
    import torch

SHAPES = ((2048, 128, 512), (2048, 384, 1536), (1024, 1024, 1024))
"""Rows, fan-in and fan-out: the feed-forward layers of both decoders, and one that fills the caches."""
REPEATS = 12
GIGA = 1e9
NAMES = {"none": "torch's default", "bf16": "oneDNN's, exact here"}


def describe(ledger: Ledger) -> dict[str, float]:
    """Put down the processor and the rates of its products; they are returned, too."""
    told = subprocess.run([sys.executable, "-m", __name__], check=True, capture_output=True, env=alone())
    facts = json.loads(told.stdout)
    ledger.console.print(f"  {_processor()}; torch {facts['torch']}, kernels for {facts['kernels']}", highlight=False)
    ledger.console.print(f"  kernel of the engine's large fp32 products: {facts['chosen']}", highlight=False)
    for what, rate in facts["rates"].items():
        ledger.note(Figure(f"products, {what}", rate, "GFLOP/s"))
    return facts["rates"]


def multiplies_bf16() -> bool:
    """Whether the processor has instructions for products of bf16."""
    return bool({"avx512_bf16", "amx_bf16"} & set(_facts().get("flags", "").split()))


def _processor() -> str:
    facts, bf16 = _facts(), "with" if multiplies_bf16() else "without"
    return f"{facts.get('model name')}, family {facts.get('cpu family')}, {bf16} bf16 instructions"


def _facts() -> dict[str, str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def measured() -> dict[str, Any]:
    """What this process reaches, first as torch comes, then as the engine has it."""
    import torch  # noqa: PLC0415  who only tells needs no torch

    from worker.trainer.engine import kernels  # noqa: PLC0415

    torch.set_num_threads(1)
    rates = {"fp32": _rate(torch.float32), "bf16": _rate(torch.bfloat16)}
    kernels.settle(kernels.best())
    return {
        "torch": torch.__version__,
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "chosen": NAMES[kernels.best()],
        "rates": {**rates, "fp32 as the engine multiplies": _rate(torch.float32)},
    }


def _rate(dtype: "torch.dtype") -> float:
    """The highest rate of any shape, each at its best."""
    import torch  # noqa: PLC0415

    def seconds(rows: int, fan_in: int, fan_out: int) -> float:
        x, w = torch.randn(rows, fan_in).to(dtype), torch.randn(fan_out, fan_in).to(dtype)
        return min(_seconds(lambda: torch.mm(x, w.T)) for _ in range(REPEATS))

    return max(2 * math.prod(shape) / seconds(*shape) for shape in SHAPES) / GIGA


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    print(json.dumps(measured()))
