"""A rank: one of the processes, a device each, that train a job together."""

import ctypes
import logging
import os
import signal
import threading
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import torch
import torch.distributed as dist

from unitscale.errors import Internal
from worker.pipe import ORDER, Ended, Stop, Train
from worker.trainer import plugins
from worker.trainer.assembly.assemble import Assembly
from worker.trainer.engine.loop import train
from worker.trainer.engine.ranks import Dismissed, Ranks, Wire, Word
from worker.trainer.process.channel import Channel
from worker.trainer.process.failures import reason_for
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs.group import begin, train_group
from worker.trainer.runs.run import Run

SET_PARENT_DEATH_SIGNAL = 1
"""prctl(2)."""


class Wires(NamedTuple):
    """How the agent's ranks are connected."""

    agent: int
    """Its process id."""
    messages: Connection
    """To the supervisor; the leader's."""
    stops: Connection
    """From the agent, to the leader."""
    words: Sequence[Wire]
    """From the leader to each follower."""
    faults: Connection
    """To the agent: why a follower cannot go on, as an `Ended`."""


def take_part(order: Train, library: Path, wires: Wires) -> None:
    """Train a job as one of its ranks. torchrun's environment says which."""
    _live_and_die_with(wires.agent)
    logging.disable(logging.NOTSET)
    torch.set_num_threads(1)
    plugins.install()  # once more where this process was not forked
    number = int(os.environ["RANK"])
    try:
        ranks = Ranks.join(order.devices[number], wires.words)
        if number == 0:
            _lead(order, library, wires, ranks)
        else:
            _follow(order, library, ranks)
        dist.destroy_process_group()
    except BaseException as error:
        reason = reason_for(error)
        if reason.code == Internal.code:
            traceback.print_exception(error)
        if number:
            fault = Ended(job=order.lanes[0].job, reason=reason)
            wires.faults.send_bytes(fault.model_dump_json().encode())
        os._exit(1)


def _live_and_die_with(agent: int) -> None:
    """The kernel kills this process when the agent is gone, however that went; signals do what they do by default."""
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != agent:
        os._exit(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _lead(order: Train, library: Path, wires: Wires, ranks: Ranks) -> None:
    interrupt = Interrupt()
    threading.Thread(target=_hear_stops, args=(wires.stops, interrupt), daemon=True).start()
    train_group(order, Channel(wires.messages.fileno()), interrupt, library, ranks)
    ranks.say(Word.LEAVE)


def _hear_stops(stops: Connection, interrupt: Interrupt) -> None:
    while isinstance(stop := ORDER.validate_json(stops.recv_bytes()), Stop):
        interrupt.stop(stop)


def _follow(order: Train, library: Path, ranks: Ranks) -> None:
    """Take the leader's steps with it, and its evaluations."""
    assembly, done = begin(order, [Run(lane, place) for place, lane in enumerate(order.lanes)], library, ranks)
    batches = assembly.batches.start(done + 1)
    ranks.errands = {Word.VALIDATION: lambda: _measure(assembly), Word.TEST: assembly.test.outputs}
    try:
        train(assembly.learner, batches, done + 1, assembly.steps, lambda step, _losses: assembly.hear_noise(step))
        ranks.obey(until=Word.LEAVE)
    except Dismissed:
        return


def _measure(assembly: Assembly) -> None:
    """The leader's evaluator, and what the learning rate makes of it."""
    evaluator = assembly.validation
    for place, loss in enumerate(evaluator.losses(evaluator.outputs())):
        assembly.rates.hear(place, loss)
