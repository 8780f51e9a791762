"""Memory of the process: what a step frees is kept for the next one."""

import contextlib
import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # as mallopt(3) numbers them
LARGEST, GIBIBYTE = 2**31 - 1, 2**30


def keep_freed() -> None:
    """Have the C library give nothing back to the system.

    Else it unmaps the large tensors of each step and maps them anew in the next, zeroed, a page fault for every 4 kB:
    a tenth of the time of a small decoder. A library that cannot be told so is left alone.
    """
    with contextlib.suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(MMAP_THRESHOLD, GIBIBYTE)
        library.mallopt(TRIM_THRESHOLD, LARGEST)
