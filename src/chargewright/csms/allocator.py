"""Giving memory back: what glibc's allocator has to be told before thousands of TLS connections are opened.

The event loop takes buffers of 256 KiB for each TLS handshake and gives most of them back. By default glibc soon cuts
such buffers out of its heap instead of mapping them, and a connection's few small, lasting objects in between keep the
freed ones from ever being returned: 170 KiB for each idle connection were measured, and 27 with a fixed threshold.
"""

import ctypes
import sys
from typing import Final

__all__ = ["return_large_blocks"]

# M_MMAP_THRESHOLD of <malloc.h>.
_MMAP_THRESHOLD: Final = -3
_THRESHOLD_BYTES: Final = 128 * 1024


def return_large_blocks() -> bool:
    """Let blocks of 128 KiB and more be mapped, and so returned when they are freed; to be called before the event loop
    is made. Returns whether this C library could be told: others than glibc need not be."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_MMAP_THRESHOLD, _THRESHOLD_BYTES) == 1
