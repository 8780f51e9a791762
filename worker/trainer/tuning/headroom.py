"""Headroom: whether memory holds more of what it has just held."""

import contextlib
from pathlib import Path

import torch

SHARE = 0.25
"""Of the memory that is free, what a group may take: other slots have theirs, and checkpoints are copies."""
KIBIBYTE = 1024
FORGET_PEAK = "5"
"""What proc(5) says to write to `clear_refs`."""
PROCESS, MACHINE, CGROUP = Path("/proc/self"), Path("/proc/meminfo"), Path("/sys/fs/cgroup")


class Headroom:
    """Watches what is held on a device from now on."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._most = SHARE * _free(device)
        if device == "cpu":
            with contextlib.suppress(OSError):
                (PROCESS / "clear_refs").write_text(FORGET_PEAK)
        else:
            torch.cuda.reset_peak_memory_stats(device)
        self._before = _held(device)

    def holds(self, times: float) -> bool:
        """Whether there is room for so many times the most that was held since, beyond what was held before."""
        return times * (_peak(self._device) - self._before) <= self._most


def _free(device: str) -> float:
    if device != "cpu":
        return torch.cuda.mem_get_info(device)[0]
    return min(_line(MACHINE, "MemAvailable"), _left_of_cgroup())


def _left_of_cgroup() -> float:
    with contextlib.suppress(OSError, ValueError):
        limit, current = ((CGROUP / f"memory.{word}").read_text() for word in ("max", "current"))
        return int(limit) - int(current)
    return float("inf")


def _held(device: str) -> float:
    return _line(PROCESS / "status", "VmRSS") if device == "cpu" else torch.cuda.memory_allocated(device)


def _peak(device: str) -> float:
    return _line(PROCESS / "status", "VmHWM") if device == "cpu" else torch.cuda.max_memory_allocated(device)


def _line(file: Path, name: str) -> float:
    """Bytes, from a line such as `VmRSS:  1024 kB`."""
    lines = (line.split() for line in file.read_text().splitlines())
    return next(float(words[1]) * KIBIBYTE for words in lines if words and words[0] == f"{name}:")
