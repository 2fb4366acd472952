"""Bring a position table to another grid, by the rule of the library that trained it.

A checkpoint's table holds one row for each patch of its native grid. At another image size it has
to be resampled, and libraries differ in how: from one 37x37 table they give 16x16 tables that are
up to 9 % apart. Every rule is separable, so each is one `[out, in]` matrix applied to both axes.

Rules (who uses them):
  dinov2: bicubic, a = -0.75, border clamped, no antialiasing, sampled at a step of
    `in / (out + 0.1)`. The DINOv2 hub models without registers, hence the study.
  size_aa: antialiased bicubic, a = -0.5, weights renormalised. timm, and DINOv2 with registers.
  size: bicubic, a = -0.75, border clamped, no antialiasing, step `in / out`. Hugging Face Dinov2.
  bilinear_zoom: linear between end points that are aligned. Google's vision_transformer and
    big_vision.
  bilinear: linear, half-pixel centres, border clamped, no antialiasing. timm for `.npz` files.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

# DINOv2 adds this to the target size before it derives the scale factor, against rounding; PyTorch
# then keeps the factor for the coordinates, so that the grid is sampled a little too densely.
DINOV2_SIZE_OFFSET = 0.1


def _cubic(distance: np.ndarray, a: float) -> np.ndarray:
    """Keys' cubic convolution kernel (IEEE Trans. ASSP 29, 1981)."""
    d = np.abs(distance)
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _clamped(centres: np.ndarray, size: int, kernel: Callable, radius: int) -> np.ndarray:
    """Sample at `centres` with an interpolating kernel; taps beyond the border use the border."""
    matrix = np.zeros((len(centres), size))
    first = np.floor(centres).astype(int) - radius + 1
    for tap in range(2 * radius):
        source = first + tap
        weight = kernel(centres - source)
        np.add.at(matrix, (np.arange(len(centres)), np.clip(source, 0, size - 1)), weight)
    return matrix


def _half_pixel(out_size: int, step: float) -> np.ndarray:
    return (np.arange(out_size) + 0.5) * step - 0.5


def _torch_cubic(distance: np.ndarray) -> np.ndarray:
    return _cubic(distance, a=-0.75)


def _tent(distance: np.ndarray) -> np.ndarray:
    return np.maximum(0.0, 1 - np.abs(distance))


def _dinov2(out_size: int, in_size: int) -> np.ndarray:
    step = in_size / (out_size + DINOV2_SIZE_OFFSET)
    return _clamped(_half_pixel(out_size, step), in_size, _torch_cubic, radius=2)


def _size(out_size: int, in_size: int) -> np.ndarray:
    return _clamped(_half_pixel(out_size, in_size / out_size), in_size, _torch_cubic, radius=2)


def _size_aa(out_size: int, in_size: int) -> np.ndarray:
    step = in_size / out_size
    centres = _half_pixel(out_size, step)
    distance = (centres[:, None] - np.arange(in_size)) / max(step, 1.0)
    matrix = _cubic(distance, a=-0.5)
    return matrix / matrix.sum(1, keepdims=True)


def _bilinear_zoom(out_size: int, in_size: int) -> np.ndarray:
    centres = np.linspace(0, in_size - 1, out_size) if out_size > 1 else np.zeros(1)
    return _clamped(centres, in_size, _tent, radius=1)


def _bilinear(out_size: int, in_size: int) -> np.ndarray:
    return _clamped(_half_pixel(out_size, in_size / out_size), in_size, _tent, radius=1)


RESAMPLE_RULES: dict[str, Callable[[int, int], np.ndarray]] = {
    "dinov2": _dinov2,
    "size_aa": _size_aa,
    "size": _size,
    "bilinear_zoom": _bilinear_zoom,
    "bilinear": _bilinear,
}


@lru_cache
def resample_matrix(rule: str, out_size: int, in_size: int) -> np.ndarray:
    """Return the float64 matrix `[out_size, in_size]` of a rule; the identity at equal sizes."""
    if out_size == in_size:
        return np.eye(in_size)
    return RESAMPLE_RULES[rule](out_size, in_size)


def resample_table(table: np.ndarray, rule: str, grid: int, class_row: bool) -> np.ndarray:
    """Resample a position table to `grid` x `grid` patches, in double precision.

    Args:
      table: `[rows, width]`; the class token's row first if `class_row`, then the patches row by
        row.
      rule: a key of `RESAMPLE_RULES`.
      grid: the new side, patches.
      class_row: whether the first row belongs to the class token; it is passed through.

    Returns:
      `[grid * grid (+ 1), width]` of the table's own dtype; the table itself, untouched, where the
      grid is the same already.
    """
    head, patches = table[: int(class_row)], table[int(class_row) :]
    side = round(len(patches) ** 0.5)
    if side == grid:
        return table
    matrix = resample_matrix(rule, grid, side)
    square = patches.reshape(side, side, -1).astype(np.float64)
    resampled = np.einsum("oi,pj,ijw->opw", matrix, matrix, square, optimize=True)
    return np.concatenate([head, resampled.reshape(grid * grid, -1).astype(table.dtype)])
