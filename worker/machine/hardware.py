"""What this machine trains on, in words."""

import contextlib
import platform
from collections.abc import Iterator
from pathlib import Path

CPU, GPUS = Path("/proc/cpuinfo"), Path("/proc/driver/nvidia/gpus")


def processor() -> str:
    """The model of the processor."""
    return next(_named("model name", CPU), "") or platform.processor() or platform.machine()


def of_queue(queue: str) -> str:
    """What the slots of a queue are made of: what is measured on one holds for the others of the same words."""
    files = sorted(GPUS.glob("*/information")) if queue.startswith("cuda") else []
    names = dict.fromkeys(name for file in files for name in _named("model", file))
    return f"{queue} {', '.join(names) or processor()}"


def _named(word: str, file: Path) -> Iterator[str]:
    """What stands in a file of `word: value` lines."""
    with contextlib.suppress(OSError), file.open(encoding="utf-8") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip().lower() == word:
                yield value.strip()
