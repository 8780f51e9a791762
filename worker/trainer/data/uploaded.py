"""Uploaded data sets as their check prepared them: tensors and `contents.json`, in one folder.

The preparation is a function of the file alone: whoever comes second with the same one throws its own away.
"""

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from safetensors.torch import load_file
from torch import Tensor

from unitscale.errors import BadDataset
from unitscale.models.datasets import Contents
from worker.pipe import PREPARED
from worker.trainer.runs.durable import sync_folder

UPLOAD = "upload"
TENSORS, CONTENTS = "data.safetensors", "contents.json"


@contextlib.contextmanager
def preparing(folder: Path) -> Iterator[Path]:
    """A folder to fill, which then stands, whole, as what was prepared of the upload in `folder`.

    What checks that were killed left there goes.
    """
    for left in folder.glob(f".{PREPARED}.*"):
        shutil.rmtree(left, ignore_errors=True)
    unfinished = folder / f".{PREPARED}.{secrets.token_hex(4)}"
    unfinished.mkdir()
    try:
        yield unfinished
        sync_folder(unfinished)
        with contextlib.suppress(OSError):  # another check was faster
            unfinished.rename(folder / PREPARED)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    """Keep examples in their final order."""
    save_file(arrays, folder / TENSORS)


def describe(folder: Path, contents: Contents) -> None:
    """Keep what the check found."""
    (folder / CONTENTS).write_text(contents.model_dump_json(indent=2) + "\n", encoding="utf-8")


def contents_of(folder: Path) -> Contents:
    """What the check found. Raises BadDataset when nothing was prepared by this version."""
    file = folder / PREPARED / CONTENTS
    if not file.exists():
        raise BadDataset("The data set's prepared files are not there, or of another version; upload it again.")
    return Contents.model_validate_json(file.read_bytes())


def load(folder: Path) -> dict[str, Tensor]:
    """The examples, or the tokens of a text, mapped into memory: only what is looked at is read."""
    return load_file(folder / PREPARED / TENSORS)
