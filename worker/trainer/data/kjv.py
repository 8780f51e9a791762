"""The data sets `kjv` and `kjv-reina-valera`: the King James Bible, and its verses with those of the Reina-Valera."""

from pathlib import Path

from torch import Tensor

from worker.trainer.data import rows
from worker.trainer.data.packages import debian
from worker.trainer.data.pairs import ordered
from worker.trainer.data.sword import verses
from worker.trainer.data.text import numbered

SEED = 20260105
HELD_OUT = 1000
ENGLISH, SPANISH = "sword-text-kjv", "sword-text-sparv"
MODULES = {ENGLISH: "engKJV2006eb", SPANISH: "spaRV1909eb"}


def fetch() -> dict[str, Tensor]:
    """Download the English package."""
    with debian(ENGLISH) as folder:
        return read(folder)


def fetch_pairs() -> dict[str, Tensor]:
    """Download both packages."""
    with debian(ENGLISH, SPANISH) as folder:
        return read_pairs(folder)


def read(folder: Path) -> dict[str, Tensor]:
    """The English verses, one a line."""
    return numbered("\n".join(verse for verse in _verses(folder, ENGLISH) if verse))


def read_pairs(folder: Path) -> dict[str, Tensor]:
    """The verses that both have, English first."""
    sides = zip(_verses(folder, ENGLISH), _verses(folder, SPANISH), strict=True)
    return rows.tensors(ordered([pair for pair in sides if all(pair)], SEED, HELD_OUT))


def _verses(folder: Path, package: str) -> list[str]:
    return verses(folder / "usr/share/sword/modules/texts/ztext" / MODULES[package])
