"""The cache: data sets as tensors on disk, mapped into memory once by the process that trainers are forked from."""

import functools
import os
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

VERSION = 1  # part of every file name: a change of content or order takes the next number


@functools.cache
def load(folder: Path, name: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of data set `name`, made and kept if no one has yet; the same ones as long as this process lives."""
    file = file_of(folder, name)
    if not file.exists():
        _keep(file, make())
    return load_file(file)


def file_of(folder: Path, name: str) -> Path:
    """Where data set `name` is kept."""
    return folder / f"{name}-{VERSION}.safetensors"


def _keep(file: Path, tensors: dict[str, Tensor]) -> None:
    """Write under a name of one's own, then rename: readers and other writers see a whole file or none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    save_file(tensors, unfinished)
    with unfinished.open("rb") as written:
        os.fsync(written.fileno())
    unfinished.rename(file)
