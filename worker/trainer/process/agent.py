"""The agent: torchrun in a trainer with several devices. It starts a rank for each; the first to fail ends them all."""

import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from torch.distributed import TCPStore
from torch.distributed.elastic.multiprocessing.api import LogsDest, LogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from worker.pipe import Ended, Stop, Train
from worker.trainer.process.channel import Channel
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.process.rank import Wires, take_part

HERE = "127.0.0.1"
LOOPBACK = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}


class NoFiles(LogsSpecs):
    """Ranks write to the trainer's own stderr, which is the job's log, and leave no files behind."""

    @property
    def root_log_dir(self) -> str | None:
        return None

    def reify(self, envs: dict[int, dict[str, str]]) -> LogsDest:
        nowhere = dict.fromkeys(envs, "")
        return LogsDest(nowhere, nowhere, {}, {}, dict.fromkeys(envs, os.devnull))


def conduct(order: Train, channel: Channel, interrupt: Interrupt, library: Path) -> None:
    """Train one job on several devices. A rank that dies takes this process with it, by the same signal."""
    (stops, to_leader), (faults, from_followers) = Pipe(duplex=False), Pipe(duplex=False)
    interrupt.pass_on(lambda stop: _send(to_leader, stop))
    messages = Connection(os.dup(channel.descriptor), readable=False)
    os.environ.update(LOOPBACK)
    logging.disable(logging.CRITICAL)  # torch's first line of log costs seconds of imports; the end is told below
    words = [Pipe(duplex=False) for _ in order.devices[1:]]
    store = _store()
    try:
        elastic_launch(_config(order, store.port), take_part)(
            order, library, Wires(os.getpid(), messages, stops, words, from_followers)
        )
    except ChildFailedError as error:
        if faults.poll():
            channel.send(Ended.model_validate_json(faults.recv_bytes()))
        else:
            _fall(error)


def _send(connection: Connection, stop: Stop) -> None:
    with suppress(OSError):  # nobody is left to hear it
        connection.send_bytes(stop.model_dump_json().encode())


def _store() -> TCPStore:
    """Where the ranks find each other. torchrun takes it over, for it asks for the same port; its own would listen to
    the whole network."""
    listening = socket.create_server((HERE, 0))
    port = listening.getsockname()[1]
    return TCPStore(
        HERE, port, is_master=True, wait_for_workers=False, multi_tenant=True, master_listen_fd=listening.detach()
    )


def _config(order: Train, port: int) -> LaunchConfig:
    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=len(order.devices),
        run_id=order.lanes[0].job,
        rdzv_backend="static",
        rdzv_endpoint=f"{HERE}:{port}",
        rdzv_configs={"rank": 0},
        max_restarts=0,
        start_method="fork" if order.devices[0] == "cpu" else "spawn",  # CUDA cannot be used after a fork
        logs_specs=NoFiles(),
        signals_to_handle="SIGINT",
    )


def _fall(error: ChildFailedError) -> None:
    number, failure = error.get_first_failure()
    sys.stderr.write(f"Rank {number} is gone ({failure.message}), and the others were ended with it.\n")
    sys.stderr.flush()
    os.kill(os.getpid(), -failure.exitcode if failure.exitcode < 0 else signal.SIGKILL)
