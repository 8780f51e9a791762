"""Memory: what torch allocates while a model answers."""

from collections.abc import Callable
from itertools import accumulate

import torch
from torch import Tensor
from torch._C._profiler import _ExperimentalConfig
from torch.autograd import ProfilerConfig, ProfilerState, _disable_profiler_legacy, _enable_profiler_legacy

ALLOCATIONS = ProfilerConfig(ProfilerState.CPU, False, True, False, False, False, _ExperimentalConfig())
"""Of torch's profilers, the one that writes no lines of its own to stderr."""


@torch.inference_mode()
def peak_bytes(run: Callable[[], object], like: Tensor) -> int:
    """The most that is held at a time during a run, beyond what was held before, on the device of `like`."""
    if like.is_cuda:
        return _on_gpu(run, like.device)
    _enable_profiler_legacy(ALLOCATIONS)
    try:
        run()
    finally:
        threads = _disable_profiler_legacy()
    sizes = (event.cpu_memory_usage() for events in threads for event in events if event.kind() == "memory_alloc")
    return max(accumulate(sizes, initial=0))


def _on_gpu(run: Callable[[], object], device: torch.device) -> int:
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    run()
    return torch.cuda.max_memory_allocated(device) - before
