"""Ranks: the processes that train one job on several devices, and how they keep in step.  K lanes, N examples.

Each holds all the weights and sees its share of every batch. The gradient of a batch is the sum of theirs, and a sum is
the same on every rank to the last bit, so the weights stay the same without ever being sent. Rank 0 leads: it alone
looks at the clock, hears wishes, writes and speaks. What the others do next is its word, which goes before every act
that takes them all, by a pipe: that costs 2 µs, where a broadcast costs 100.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from enum import IntEnum
from multiprocessing.connection import Connection

import torch
import torch.distributed as dist
from torch import Tensor

from unitscale.errors import Internal

PATIENCE = timedelta(days=20)
"""How long a rank waits for the others: they may be checkpointing or evaluating. One that is gone is seen at once."""
AGENT_SECONDS = 60.0
"""By then the agent has ended a rank that has lost another."""


Wire = tuple[Connection, Connection]
"""The two ends of a pipe: to hear by, and to speak by."""


class Word(IntEnum):
    """What the leader says."""

    STEP = 0
    VALIDATION = 1
    TEST = 2
    LEAVE = 3


class Dismissed(Exception):
    """The way out of a follower's loop: the leader needs it no more."""


class Ranks:
    """This process and those it trains with."""

    def __init__(self, number: int, words: Sequence[Wire]) -> None:
        self.number, self.count = number, len(words) + 1
        self.errands: Mapping[Word, Callable[[], object]] = {}
        """What a follower does when it is told to."""
        self._mouths = [] if number else [mouth.send_bytes for _, mouth in words]
        self._ear = words[number - 1][0].recv_bytes

    @classmethod
    def join(cls, device: str, words: Sequence[Wire]) -> "Ranks":
        """Meet the others, as torchrun's environment says where. The leader's words go over one wire a follower."""
        if device != "cpu":
            torch.cuda.set_device(device)
        dist.init_process_group("gloo" if device == "cpu" else "nccl", timeout=PATIENCE)
        return cls(dist.get_rank(), words)

    def parts(self, whole: int) -> list[slice]:
        """Which of so many examples are each rank's; none where there are fewer than ranks."""
        return [slice(whole * rank // self.count, whole * (rank + 1) // self.count) for rank in range(self.count)]

    def part(self, whole: int) -> slice:
        """Which are this one's."""
        return self.parts(whole)[self.number]

    def compare(self, *tensors: Tensor) -> None:
        """Make sure that this rank starts from what the leader starts from. Raises Internal."""
        mine = torch.stack([tensor.view(torch.uint8).sum() for tensor in tensors])
        leaders = mine.clone()
        with _with_all():
            dist.broadcast(leaders, 0)
        if not torch.equal(mine, leaders):
            raise Internal(f"Rank {self.number} does not start from what rank 0 starts from.")

    def step(self, losses: Tensor, gradients: Tensor) -> None:
        """Agree on one more step, and put the sums over all ranks in place of what each has. Raises Dismissed."""
        self.say(Word.STEP)
        self.obey(until=Word.STEP)
        self.add(losses)
        self.add(gradients)

    def say(self, word: Word) -> None:
        """The leader tells the others what comes next."""
        for mouth in self._mouths:
            mouth(word.to_bytes())

    def obey(self, until: Word) -> None:
        """A follower runs the leader's errands until it says `until`. Raises Dismissed when it says LEAVE instead."""
        while self.number and (word := Word.from_bytes(self._ear())) is not until:
            if word is Word.LEAVE:
                raise Dismissed
            self.errands[word]()

    def gathered(self, word: Word, sizes: Sequence[int], part: Callable[[int], Tensor]) -> Tensor:
        """(K, N, …): the parts, of so many examples each, that the ranks work out in turns; `word` calls them to it."""
        self.say(word)
        mine = {place: part(place) for place in range(self.number, len(sizes), self.count)}
        like = next(iter(mine.values())) if mine else part(0)
        whole = like.new_zeros((like.shape[0], sum(sizes), *like.shape[2:]))
        for place, tensor in enumerate(whole.split(list(sizes), 1)):
            if place in mine:
                tensor.copy_(mine[place])
        self.add(whole)
        return whole

    def add(self, tensor: Tensor) -> None:
        """Put the sum over all ranks in place of what each has: after a word, so that all of them do."""
        with _with_all():
            dist.all_reduce(tensor)


@contextmanager
def _with_all() -> Iterator[None]:
    """What fails inside fails because another rank is gone. The agent has seen it, and will end this one too."""
    try:
        yield
    except RuntimeError as error:
        sys.stderr.write(f"The ranks cannot go on together: {error}\n")
        time.sleep(AGENT_SECONDS)
        os._exit(1)
