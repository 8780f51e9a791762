"""The data set `prompts`: what a telephone exchange says, one speaker, from Debian packages of Asterisk's sounds."""

import gzip
import re
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from worker.trainer.data.mels import FRAMES_A_SECOND, log_mels
from worker.trainer.data.packages import debian
from worker.trainer.data.recordings import laid, spelled
from worker.trainer.data.waves import samples

PACKAGES = ("asterisk-core-sounds-en", "asterisk-core-sounds-en-wav")
TEXTS = "usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz"
SOUNDS = "usr/share/asterisk/sounds/en_US_f_Allison"
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
RATE = 8000
MOST_SECONDS = 8
SEED = 20260105


def fetch() -> dict[str, Tensor]:
    """Download the packages."""
    with debian(*PACKAGES) as folder:
        return read(folder)


def read(folder: Path) -> dict[str, Tensor]:
    """Every recording that is not too long, each text once."""
    heard = dict(_heard(folder))
    texts = sorted(heard)
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(SEED)).tolist()
    texts = [texts[place] for place in order]
    alphabet = sorted(set("".join(texts)))
    return {
        "inputs": torch.from_numpy(np.stack([laid(heard[text], MOST_SECONDS * FRAMES_A_SECOND) for text in texts])),
        "targets": torch.from_numpy(spelled(texts, alphabet)),
        "alphabet": torch.tensor([ord(letter) for letter in alphabet], dtype=torch.int32),
        "rate": torch.tensor([RATE], dtype=torch.int32),
    }


def _heard(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Texts, and the features of the recordings (F, M). What is no speech is told in brackets, or by a sign."""
    lines = gzip.decompress((folder / TEXTS).read_bytes()).decode().splitlines()
    for name, said in (line.split(":", 1) for line in lines if ":" in line and not re.search(r"[\[<(*#]", line)):
        file, text = folder / SOUNDS / f"{name}.wav", plain(said)
        if text and file.exists() and _seconds(file) < MOST_SECONDS:
            with file.open("rb") as opened:
                yield text, log_mels(samples(opened, RATE), RATE)


def _seconds(file: Path) -> float:
    with wave.open(str(file)) as opened:
        return opened.getnframes() / opened.getframerate()


def plain(said: str) -> str:
    """Small letters, spaces and apostrophes; digits are words."""
    worded = re.sub(r"[0-9]", lambda digit: f" {DIGITS[int(digit[0])]} ", said.lower())
    return " ".join(re.sub(r"[^a-z']", " ", worded).split())
