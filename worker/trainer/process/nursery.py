"""The nursery: imports torch and takes one optimizer step once, then forks a trainer whenever it is asked for one.

    python -m worker.trainer.process.nursery FD

FD is a unix socket. Each request carries three descriptors that become the trainer's stdin, stdout and stderr; the
answer is a line `born PID`, and when that trainer ends, `died PID STATUS` (as `os.waitpid` gives it). The end of the
socket means that the supervisor is gone: the nursery exits. No CUDA context is ever made here, so that forking stays
allowed; and where there is a GPU no step is taken either, since autograd would start a thread for each device, and
threads do not survive a fork: there, the waiting trainer takes the step.
"""

import contextlib
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path

from worker.trainer import main as trainer

NVIDIA = Path("/proc/driver/nvidia/gpus")
OOM_SCORE = Path("/proc/self/oom_score_adj")


def main(fd: int) -> None:
    """Warm up, then fork on request until the supervisor is gone."""
    supervisor = socket.socket(fileno=fd)
    if not NVIDIA.is_dir():
        trainer.warm_up()
    wake, deaths = os.pipe()
    os.set_blocking(deaths, False)
    signal.set_wakeup_fd(deaths)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    supervisor.sendall(b"ready\n")
    while True:
        readable, _, _ = select.select([supervisor, wake], [], [])
        if wake in readable:
            os.read(wake, 4096)
            _report_deaths(supervisor)
        if supervisor in readable and not _fork_one(supervisor, wake, deaths):
            return


def _fork_one(supervisor: socket.socket, wake: int, deaths: int) -> bool:
    """Fork a trainer for one request; False when the supervisor is gone."""
    request, fds, _, _ = socket.recv_fds(supervisor, 1, 3)
    if not request:
        return False
    pid = os.fork()
    if pid == 0:
        supervisor.close()
        _become_trainer(fds, wake, deaths)
    for fd in fds:
        os.close(fd)
    supervisor.sendall(f"born {pid}\n".encode())
    return True


def _become_trainer(fds: list[int], wake: int, deaths: int) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    with contextlib.suppress(OSError):
        OOM_SCORE.write_text("1000")  # when memory runs out, a trainer goes, not the service
    for target, fd in enumerate(fds):
        os.dup2(fd, target)
    for fd in (*fds, wake, deaths):
        os.close(fd)
    try:
        (trainer.warm_up if NVIDIA.is_dir() else trainer.settle_in)()
        trainer.serve()
        trainer.leave(0)
    except BaseException:
        traceback.print_exc()
        trainer.leave(1)


def _report_deaths(supervisor: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        supervisor.sendall(f"died {pid} {status}\n".encode())


if __name__ == "__main__":
    with contextlib.suppress(ConnectionError):  # the supervisor went first
        main(int(sys.argv[1]))
