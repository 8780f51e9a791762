"""Compiling: the losses of a batch and their gradients as fewer, larger kernels, made for the shapes of one job."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from unitscale.errors import Impossible

COMPILERS = ("c++", "g++", "clang++")


def compiled(losses: Callable[..., Tensor], library: Path) -> Callable[..., Tensor]:
    """The same losses, from kernels that are made at the first step and kept in the library for later attempts.

    All steps of a run use them, the first one included: a run that went over to them on the way would go on with other
    last bits than one resumed later. Raises Impossible where there is no C++ compiler.
    """
    if not any(map(shutil.which, (os.environ.get("CXX") or COMPILERS[0], *COMPILERS))):
        raise Impossible("resources.compile needs a C++ compiler on the worker's machine, and there is none.")
    from torch._inductor import config  # noqa: PLC0415  most jobs never compile

    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(library / "compiled"))
    config.compile_threads = 1  # no pool of processes that could outlive the trainer
    return torch.compile(losses, dynamic=False)
