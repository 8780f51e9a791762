"""Checks images in .npz files: `images` uint8 (N, H, W) or (N, H, W, C), and `labels` (N,).

The arrays are read without numpy's loader: nothing is ever unpickled, and what a header promises is compared with what
is there before memory is taken for it.
"""

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from unitscale.errors import BadDataset
from unitscale.models.datasets import Contents
from worker.trainer.checks.archives import archive, unpacked
from worker.trainer.checks.bounds import FEWEST, MOST_CLASSES, check_name, few
from worker.trainer.checks.splits import Arrays, divided

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def check_arrays(file: Path) -> tuple[Arrays, Contents]:
    """Images (N, H, W, C) and classes (N,), in their final order. Raises BadDataset, naming the array."""
    with archive(file) as (opened, members):
        named = {member.filename: member for member in members}
        missing = [name for name in ("images", "labels") if f"{name}.npy" not in named]
        if missing:
            held = few(sorted(named)) or "nothing"
            raise BadDataset(f"There is no array '{missing[0]}'; the file holds: {held}.")
        images = _read(opened, named["images.npy"])
        labels = _read(opened, named["labels.npy"])
    return classified(_images(images), _labels(labels, len(images)))


def classified(images: np.ndarray, labels: np.ndarray) -> tuple[Arrays, Contents]:
    """Images and the numbers of their classes, divided. Raises BadDataset where there is nothing to tell apart."""
    classes, numbers = np.unique(labels, return_inverse=True)
    if len(classes) > MOST_CLASSES:
        raise BadDataset(f"It has {len(classes):,} classes; {MOST_CLASSES:,} are the most.")
    if len(classes) < 2:
        raise BadDataset(f"Every image is of class {classes[0]!s}; there must be two classes at least.")
    arrays, splits = divided(images, numbers.astype(np.int64))
    return arrays, Contents(rows=len(images), splits=splits, shape=images.shape[1:], classes=tuple(classes.tolist()))


def _read(opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    name = member.filename.removesuffix(".npy")
    try:
        with unpacked(opened, member) as stream:
            shape, in_columns, dtype = _header(name, stream)
            _check_promise(name, dtype, shape, member.file_size - stream.tell())
            data = stream.read()
    except ValueError as error:
        raise BadDataset(f"Array '{name}' cannot be read: {error}") from error
    if len(data) != dtype.itemsize * math.prod(shape):
        raise BadDataset(f"Array '{name}' ends too early.")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if in_columns else "C")


def _header(name: str, stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and dtype."""
    try:
        return HEADERS[npy.read_magic(stream)](stream)
    except BadDataset:
        raise
    except Exception as error:  # whatever numpy and Python's own parser make of foreign bytes
        raise BadDataset(f"Array '{name}' cannot be read: its header makes no sense.") from error


def _check_promise(name: str, dtype: np.dtype[Any], shape: tuple[int, ...], there: int) -> None:
    if dtype.hasobject:
        raise BadDataset(f"Array '{name}' holds pickled objects, which are never read; save it with a plain dtype.")
    if not dtype.itemsize:
        raise BadDataset(f"Array '{name}' holds nothing: its elements have no bytes.")
    if min(shape, default=0) < 0 or dtype.itemsize * math.prod(shape) != there:
        raise BadDataset(f"Array '{name}' says that it has shape {shape}, and has {there:,} bytes.")


def _images(images: np.ndarray) -> np.ndarray:
    if images.dtype != np.uint8:
        raise BadDataset(f"Array 'images' is {images.dtype}; it must be uint8.")
    if images.ndim not in (3, 4) or 0 in images.shape[1:]:
        raise BadDataset(f"Array 'images' has shape {images.shape}; it must be (N, H, W) or (N, H, W, C).")
    if len(images) < FEWEST:
        raise BadDataset(f"There are {len(images)} images; at least {FEWEST} are needed.")
    return images if images.ndim == 4 else images[..., None]


def _labels(labels: np.ndarray, count: int) -> np.ndarray:
    if labels.dtype.kind not in "iuU":
        raise BadDataset(f"Array 'labels' is {labels.dtype}; it must be of integers or of text.")
    if labels.shape != (count,):
        raise BadDataset(f"Array 'labels' has shape {labels.shape}; there are {count} images.")
    if labels.dtype.kind == "U":
        _check_text(labels)
    return labels


def _check_text(labels: np.ndarray) -> None:
    for place in range(len(labels)):
        try:
            labels[place].encode()
        except (UnicodeError, SystemError, ValueError) as error:
            raise BadDataset(f"Array 'labels' holds what is no text, at place {place}.") from error
        check_name("class", labels[place])
