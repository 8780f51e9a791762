"""Checks images in .zip files: one folder a class, PNG or JPEG, all of one size."""

import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from unitscale.errors import BadDataset
from unitscale.models.datasets import Contents
from worker.trainer.checks.archives import archive, unpacked
from worker.trainer.checks.arrays import classified
from worker.trainer.checks.bounds import FEWEST, MOST_BYTES, check_name
from worker.trainer.checks.splits import Arrays

FORMATS = ("PNG", "JPEG")
MODES = {"1": "L", "L": "L", "LA": "LA", "P": "RGB", "RGB": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "RGBA": "RGBA"}
"""Pillow's name of what a file holds, and what it is read as."""


def check_pictures(file: Path) -> tuple[Arrays, Contents]:
    """Images (N, H, W, C) and classes (N,), in their final order. Raises BadDataset, naming the file."""
    with archive(file) as (opened, members):
        pictures = _pictures(members)
        if len(pictures) < FEWEST:
            raise BadDataset(f"There are {len(pictures)} images; at least {FEWEST} are needed.")
        images = _read(opened, [member for member, _ in pictures])
    return classified(images, np.array([name for _, name in pictures]))


def _pictures(members: Sequence[zipfile.ZipInfo]) -> list[tuple[zipfile.ZipInfo, str]]:
    """The files that count, each with the folder that names its class. A folder around all of them does not count."""
    split = [(member, PurePosixPath(member.filename).parts) for member in members]
    kept = [(member, parts) for member, parts in split if not any(map(_by_the_way, parts))]
    while kept and len({parts[0] for _, parts in kept}) == 1 and all(len(parts) > 2 for _, parts in kept):
        kept = [(member, parts[1:]) for member, parts in kept]
    for member, parts in kept:
        if len(parts) != 2:
            raise BadDataset(f"'{member.filename[:200]}' does not lie in one folder that names its class.")
        check_name("class", parts[0])
    return [(member, parts[0]) for member, parts in kept]


def _by_the_way(part: str) -> bool:
    """Whether an operating system put this there for itself."""
    return part[0] == "." or part in ("__MACOSX", "Thumbs.db")


def _read(opened: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo]) -> np.ndarray:
    images: np.ndarray | None = None
    for place, member in enumerate(members):
        pixels = _image(opened, member, None if images is None else images.shape[1:])
        if images is None:
            _check_room(len(members), pixels.shape)
            images = np.empty((len(members), *pixels.shape), np.uint8)
        images[place] = pixels
    return np.empty(0) if images is None else images


def _image(opened: zipfile.ZipFile, member: zipfile.ZipInfo, expected: Any) -> np.ndarray:
    """Pixels (H, W, C). The size is looked at before anything is decoded."""
    name = member.filename[:200]
    try:
        with unpacked(opened, member) as stream, Image.open(stream, formats=FORMATS) as image:
            mode = MODES.get(image.mode)
            if mode is None:
                raise BadDataset(f"'{name}' has pixels of kind {image.mode}; 8 bits a channel are read.")
            shape = (image.height, image.width, len(mode))
            if expected is not None and shape != expected:
                raise BadDataset(f"'{name}' is {_size(shape)}; the first image is {_size(expected)}.")
            _check_room(1, shape)
            return np.asarray(image.convert(mode)).reshape(shape)
    except BadDataset:
        raise
    except Exception as error:  # whatever a decoder makes of foreign bytes
        raise BadDataset(f"'{name}' is no PNG or JPEG that can be read.") from error


def _check_room(count: int, shape: tuple[int, ...]) -> None:
    if count * int(np.prod(shape, dtype=np.int64)) > MOST_BYTES:
        raise BadDataset(f"{count:,} images of {_size(shape)} have more than {MOST_BYTES:,} bytes.")


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} × {shape[0]} pixels of {shape[2]} channels"
