"""The compiled kernels, where there are any. Without them the numbers are the same, and slower."""

from __future__ import annotations

from functools import cache
from types import ModuleType


@cache
def kernels() -> ModuleType | None:
    """Import them; None where Numba is not installed, or not for this Python and NumPy."""
    try:
        from jaxcxr.stats import kernels as found
    except ImportError:
        return None
    return found
