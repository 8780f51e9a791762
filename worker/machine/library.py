"""The library: data sets that an image brings along, taken over into the cache that trainers read."""

import secrets
import shutil
from pathlib import Path


def stock(library: Path | None, cache: Path) -> None:
    """Copy what the library has and the cache has not; each file is there whole, or not at all."""
    if library is None or not library.is_dir():
        return
    cache.mkdir(parents=True, exist_ok=True)
    for file in library.glob("*.safetensors"):
        if not (cache / file.name).exists():
            unfinished = cache / f".{file.name}.{secrets.token_hex(4)}"
            shutil.copyfile(file, unfinished)
            unfinished.replace(cache / file.name)
