"""Recordings as samples: WAV files of PCM, brought to one channel and one rate.  S samples."""

import math
import wave
from typing import BinaryIO, NamedTuple

import numpy as np

SLOWEST_RATE, FASTEST_RATE = 8_000, 192_000
"""Samples a second."""
LONGEST_SECONDS = 20.0
MOST_CHANNELS = 8
WIDTHS = (1, 2, 3, 4)
"""Bytes of a sample."""
LOUDEST = 2**15
BROKEN = (wave.Error, EOFError, ValueError, RuntimeError)
"""What `wave` raises over a file that is none, or that lies about the length of its parts."""


class Unheard(Exception):
    """Why a file is no recording that can be used: a phrase that follows the file's name."""


class Sound(NamedTuple):
    """What a WAV file says of itself."""

    rate: int
    channels: int
    width: int
    samples: int
    """Of each channel."""

    @property
    def seconds(self) -> float:
        return self.samples / self.rate


def sound(file: BinaryIO) -> Sound:
    """What the header says. Raises Unheard where it is no recording within bounds."""
    with _opened(file) as opened:
        return _admitted(opened)


def samples(file: BinaryIO, rate: int) -> np.ndarray:
    """(S,) float32 within ±1, the mean of the channels, at `rate` samples a second. Raises Unheard."""
    with _opened(file) as opened:
        found = _admitted(opened)
        try:
            data = opened.readframes(found.samples)
        except BROKEN as error:
            raise Unheard("ends too early") from error
    if len(data) != found.samples * found.channels * found.width:
        raise Unheard(f"ends too early: its header says {found.samples:,} samples")
    return _resampled(_numbers(data, found.width).reshape(-1, found.channels).mean(1), found.rate, rate)


def _opened(file: BinaryIO) -> wave.Wave_read:
    try:
        return wave.open(file, "rb")
    except BROKEN as error:
        raise Unheard(f"is no WAV file of PCM that can be read: {str(error) or 'it ends too early'}") from error


def _admitted(opened: wave.Wave_read) -> Sound:
    found = Sound(opened.getframerate(), opened.getnchannels(), opened.getsampwidth(), opened.getnframes())
    if found.width not in WIDTHS or not 1 <= found.channels <= MOST_CHANNELS:
        raise Unheard(
            f"has {found.channels} channels of {8 * found.width} bits; 1 to {MOST_CHANNELS} channels are read"
        )
    if not SLOWEST_RATE <= found.rate <= FASTEST_RATE:
        raise Unheard(f"has {found.rate:,} samples a second; {SLOWEST_RATE:,} to {FASTEST_RATE:,} are read")
    if not found.samples:
        raise Unheard("is silent: it has no samples")
    if found.seconds > LONGEST_SECONDS:
        raise Unheard(f"is {found.seconds:.1f} s long; {LONGEST_SECONDS:g} s are the most")
    return found


def _numbers(data: bytes, width: int) -> np.ndarray:
    """Samples as float32 within ±1. One byte is unsigned; of more than two, the upper two are heard."""
    if width == 1:
        return (np.frombuffer(data, "u1").astype(np.float32) - 128) / 128
    upper = np.frombuffer(data, "u1").reshape(-1, width)[:, -2:]
    return np.ascontiguousarray(upper).view("<i2")[:, 0].astype(np.float32) / LOUDEST


def _resampled(heard: np.ndarray, before: int, rate: int) -> np.ndarray:
    if before == rate:
        return heard
    from scipy.signal import resample_poly  # noqa: PLC0415  its import takes a second, and most recordings have one rate

    shared = math.gcd(before, rate)
    return resample_poly(heard, rate // shared, before // shared).astype(np.float32)
