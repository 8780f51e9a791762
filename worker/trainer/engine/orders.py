"""Orders of more examples than an order is worth storing for: computed place by place.  N examples, S places."""

import torch
from torch import Tensor

ROUNDS = 6
LOW_32 = 2**32 - 1


def places(count: int, seed: int, first: int, last: int) -> Tensor:
    """(S,) The examples at the places `first` to `last` of a random order of `count` examples.

    A Feistel network permutes the numbers of 2h bits, and one that lands beyond `count` is sent on until it does not:
    what remains is a permutation of 0 … N − 1, any part of which costs memory for that part alone.

    Source: Black and Rogaway, Ciphers with arbitrary finite domains, 2002.
    """
    half = max(1, ((count - 1).bit_length() + 1) // 2)
    found = _permuted(torch.arange(first, last), seed, half)
    while (beyond := (found >= count).nonzero().squeeze(1)).numel():
        found[beyond] = _permuted(found[beyond], seed, half)
    return found


def _permuted(numbers: Tensor, seed: int, half: int) -> Tensor:
    mask = (1 << half) - 1
    left, right = numbers >> half, numbers & mask
    for turn in range(ROUNDS):
        left, right = right, left ^ (_mixed(right, seed, turn) & mask)
    return (left << half) | right


def _mixed(numbers: Tensor, seed: int, turn: int) -> Tensor:
    """32 bits that hang on every bit of a number of at most 32, on the seed and on the turn.

    Source: C. Wellons, Prospecting for hash functions, 2018 (lowbias32).
    """
    mixed = (numbers + seed + turn * 0x9E3779B9) & LOW_32
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        mixed = ((mixed ^ (mixed >> shift)) * factor) & LOW_32
    return mixed ^ (mixed >> 16)
