"""Examples: what a data set consists of, and its three splits."""

from typing import NamedTuple

from torch import Tensor


class Examples(NamedTuple):
    """N examples."""

    inputs: Tensor
    """(N, …)"""
    targets: Tensor
    """(N, 1) numbers, or (N,) classes."""


class Splits(NamedTuple):
    """What is learnt from, what is looked at while learning, and what is read once, at the end."""

    training: Examples
    validation: Examples
    test: Examples


def cut(inputs: Tensor, targets: Tensor, validation: int, test: int, fraction: float) -> Splits:
    """Splits of examples whose order is already random: training first, of which the first `fraction` is used."""
    training = len(inputs) - validation - test
    used = max(1, round(training * fraction))
    ends = ((0, used), (training, training + validation), (training + validation, len(inputs)))
    return Splits(*(Examples(inputs[first:end], targets[first:end]) for first, end in ends))
