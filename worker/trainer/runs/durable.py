"""Durable files: what is there under its name is whole, and survives a power cut."""

import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

AT_ONCE = 16
"""Syncs that are asked for at once: a file system does in one go what it is asked meanwhile."""


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill; once filled it stands, fsynced, at `folder`, in place of anything that stood there."""
    with new_folders([folder]) as [unfinished]:
        yield unfinished


@contextmanager
def new_folders(folders: Sequence[Path]) -> Iterator[list[Path]]:
    """The same for many: nobody finds one of them before all are on disk."""
    unfinished = [folder.with_name(f".{folder.name}") for folder in folders]
    for folder in unfinished:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    yield unfinished
    _sync_contents(unfinished)
    for filled, folder in zip(unfinished, folders, strict=True):
        shutil.rmtree(folder, ignore_errors=True)
        filled.rename(folder)
    _sync_all([folder.parent for folder in folders])


def sync_folder(folder: Path) -> None:
    """Have a folder of files on disk."""
    _sync_contents([folder])


def _sync_contents(folders: Sequence[Path]) -> None:
    files = [file for folder in folders for file in folder.iterdir()]
    for file in files:
        file.chmod(0o644)  # safetensors writes for its owner alone; the API may run as someone else
    _sync_all(files)
    _sync_all(folders)


def _sync_all(paths: Sequence[Path]) -> None:
    if len(paths) == 1:
        _sync(paths[0])
    elif paths:
        with ThreadPoolExecutor(min(AT_ONCE, len(paths))) as pool:
            list(pool.map(_sync, paths))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
