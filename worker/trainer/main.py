"""The trainer's front door: `python -m worker.trainer.main` takes orders on stdin and speaks on stdout.

UNITSCALE_CACHE_DIR names the folder where data sets are kept as tensors; ~/.cache/unitscale by default.
"""

import gc
import os
import queue
import sys
import threading
import traceback
from pathlib import Path

import torch

from worker.pipe import ORDER, Ask, Check, Ready, Stop, Train
from worker.trainer import plugins
from worker.trainer.checks.check import check
from worker.trainer.engine import kernels, memory
from worker.trainer.inference.predict import answer
from worker.trainer.process.channel import Channel
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.process.warmup import rehearse, stock
from worker.trainer.runs.group import train_group
from worker.trainer.tuning.auto import settle


def warm_up() -> None:
    """Pay for the first step before there is a job: the nursery does this once, and forks."""
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    plugins.install()
    memory.keep_freed()
    kernels.best()  # tried out once, known to every trainer that is forked
    stock(_library())
    settle_in()


def settle_in() -> None:
    """Train once in this process. A forked one copies every page it touches: better now than while a job waits."""
    rehearse(_library())
    gc.collect()
    gc.freeze()  # what was imported stays: no collection needs to look at it again


def serve() -> None:
    """Answer asks and check data sets until a group is to be trained; train it; return."""
    channel, interrupt = Channel(take_stdout()), Interrupt()
    orders: queue.SimpleQueue[Train | Ask | Check] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders, interrupt), daemon=True).start()
    channel.send(Ready())
    while not isinstance(order := orders.get(), Train):
        channel.send(answer(order) if isinstance(order, Ask) else check(order))
    order = settle(order, channel, interrupt, _library())
    if order is None:
        return
    if len(order.devices) == 1:
        train_group(order, channel, interrupt, _library())
        return
    from worker.trainer.process.agent import conduct  # noqa: PLC0415  torchrun is for the few jobs that need it

    conduct(order, channel, interrupt, _library())


def _library() -> Path:
    return Path(os.environ.get("UNITSCALE_CACHE_DIR") or Path.home() / ".cache" / "unitscale")


def take_stdout() -> int:
    """Keep the real stdout for messages; what is printed goes to stderr from now on."""
    private = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return private


def _listen(orders: "queue.SimpleQueue[Train | Ask | Check]", interrupt: Interrupt) -> None:
    """Read orders until stdin ends: then the supervisor is gone, and so is this process, whatever it is doing."""
    with open(sys.stdin.fileno(), "rb", closefd=False) as lines:  # ranks close the other one
        for line in lines:
            order = ORDER.validate_json(line)
            if isinstance(order, Stop):
                interrupt.stop(order)
            else:
                orders.put(order)
    os._exit(0)


def leave(status: int) -> None:
    """Exit without the interpreter's farewell, which would wait for torch to be taken apart."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    try:
        warm_up()
        serve()
    except BaseException:  # the log must say why the process ends
        traceback.print_exc()
        leave(1)
    leave(0)
