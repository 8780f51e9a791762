"""How a node is cut into slots: sets of devices, each of which trains one group of jobs at a time."""

import os
from pathlib import Path

from unitscale.models.workers import Slot
from unitscale.wire.doorbell import queue_name

NVIDIA = Path("/proc/driver/nvidia/gpus")


def cut(slots: str) -> list[Slot]:
    """Slots from a setting: `auto`, a number of one-core slots, or sets of devices: `cuda:0;cuda:1;cuda:2,3`.

    Raises ValueError for anything else.
    """
    if slots == "auto":
        return _automatic()
    if slots.isdecimal() and 0 < int(slots) <= 1024:
        return [_slot((f"cpu:{core}",)) for core in range(int(slots))]
    return [_slot(tuple(part.strip() for part in devices.split(","))) for devices in slots.split(";")]


def _automatic() -> list[Slot]:
    gpus = len(list(NVIDIA.iterdir())) if NVIDIA.is_dir() else 0
    if gpus:
        return [_slot((f"cuda:{gpu}",)) for gpu in range(gpus)]
    return [_slot((f"cpu:{core}",)) for core in range(len(os.sched_getaffinity(0)))]


def _slot(devices: tuple[str, ...]) -> Slot:
    kinds = {device.partition(":")[0] for device in devices}
    numbered = all(device.partition(":")[2].isdecimal() for device in devices)
    if len(kinds) != 1 or not kinds <= {"cpu", "cuda"} or not numbered or len(set(devices)) != len(devices):
        raise ValueError(f"'{','.join(devices)}' is no slot; write a number, or devices such as cuda:0;cuda:1,2.")
    return Slot(devices=devices, queue=queue_name(kinds.pop(), len(devices)))
