"""A tensor that is still in its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tensor:
    """A tensor still in its file.

    Attributes:
      shape: its shape.
      dtype: its dtype's name, such as `float32` or `bfloat16`.
      read: reads it.
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]
