"""The data set `trivia`: general questions and their answers, from the PyPI package `chatterbot-corpus`."""

import json
from pathlib import Path

from torch import Tensor

from worker.trainer.data import rows
from worker.trainer.data.packages import pypi
from worker.trainer.data.pairs import ordered

PACKAGE = "chatterbot-corpus==1.3.3"
FILE = "*/chatterbot_corpus/data/english/trivia.yml"
SEED = 20260107


def fetch() -> dict[str, Tensor]:
    """Download the package's source."""
    with pypi(PACKAGE) as folder:
        return read(folder)


def read(folder: Path) -> dict[str, Tensor]:
    """Its questions, each with one answer."""
    import yaml  # noqa: PLC0415  only where this is brought

    [file] = folder.glob(FILE)
    said = yaml.safe_load(file.read_text("utf-8"))["conversations"]
    pairs = [(str(each[0]), str(each[1])) for each in said if isinstance(each, list) and len(each) == 2]
    return rows.tensors([(question, json.dumps([answer]), "") for question, answer in ordered(pairs, SEED, 0)])
