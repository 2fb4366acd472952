"""Threads for work that spends its time outside the interpreter."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

# Redraws that a core computes side by side: their counts of an image, a byte each, are one line of
# its cache.
LANES = 64


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows do not tell more.


def thread_pool(threads: int = 0) -> ThreadPoolExecutor:
    """Return a pool of so many threads; of one for each core if 0."""
    return ThreadPoolExecutor(threads or cores())
