"""The data set `ui-en-zh`: the words of an office suite's menus and dialogs, in English and in Chinese."""

import gettext
import re
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from worker.trainer.data import rows
from worker.trainer.data.packages import debian
from worker.trainer.data.pairs import ordered

PACKAGE = "libreoffice-l10n-zh-cn"
CATALOGUES = "usr/lib/libreoffice/program/resource/zh_CN/LC_MESSAGES/*.mo"
SEED = 20260106
HELD_OUT = 1000
FEWEST, MOST = 2, 10
"""English words."""
CONTEXT = "\4"
"""What comes before it says where a message stands."""
KEY = re.compile(r"\s?\(?[~_]\w\)|[~_]")
"""How a message marks the key that chooses it: in the word, or, where letters are none, behind it."""


def fetch() -> dict[str, Tensor]:
    """Download the package."""
    with debian(PACKAGE) as folder:
        return read(folder)


def read(folder: Path) -> dict[str, Tensor]:
    """Its messages of a few words."""
    pairs = [pair for file in sorted(folder.glob(CATALOGUES)) for pair in _messages(file)]
    return rows.tensors(ordered([pair for pair in pairs if _is_short(*pair)], SEED, HELD_OUT))


def _messages(file: Path) -> Iterator[tuple[str, str]]:
    with file.open("rb") as data:
        catalogue: dict = vars(gettext.GNUTranslations(data))["_catalog"]
    for message, translation in catalogue.items():
        if isinstance(message, str):
            yield _plain(message.rpartition(CONTEXT)[2]), _plain(translation)


def _plain(text: str) -> str:
    return " ".join(KEY.sub("", text).split())


def _is_short(english: str, chinese: str) -> bool:
    return bool(chinese) and FEWEST <= len(english.split()) <= MOST
