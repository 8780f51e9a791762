"""Durable files: what is there under its name is whole, and survives a power cut."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill; once filled it stands, fsynced, at `folder`, in place of anything that stood there."""
    unfinished = folder.with_name(f".{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    yield unfinished
    sync_folder(unfinished)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    _sync(folder.parent)


def sync_folder(folder: Path) -> None:
    """Have a folder of files on disk."""
    for file in folder.iterdir():
        file.chmod(0o644)  # safetensors writes for its owner alone; the API may run as someone else
        _sync(file)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
