"""Brushes for the phantom: soft shapes, strokes and textures on one square canvas.

Coordinates are (x, y) in units of the canvas side, x to the right and y down.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

CANVAS = 512
COARSE = 128
_SHIFT = 4  # OpenCV's fixed-point coordinates: fractional bits


def blank() -> np.ndarray:
    """A canvas of zeros, float32 [CANVAS, CANVAS]."""
    return np.zeros((CANVAS, CANVAS), np.float32)


def columns() -> np.ndarray:
    """The x of every column, float32 [1, CANVAS]."""
    return ((np.arange(CANVAS, dtype=np.float32) + 0.5) / CANVAS)[None, :]


def rows() -> np.ndarray:
    """The y of every row, float32 [CANVAS, 1]."""
    return columns().T


def step(height: np.ndarray, steepness: float) -> np.ndarray:
    """A soft step from 0 to 1 where `height` passes 0."""
    return expit(np.asarray(steepness * height, np.float32))


def curve(points: ArrayLike, *, closed: bool = False, rounds: int = 3) -> np.ndarray:
    """Cut the corners of a line or outline [n, 2] until it is smooth (Chaikin)."""
    line = np.asarray(points, np.float32)
    for _ in range(rounds):
        start, end = (line, np.roll(line, -1, 0)) if closed else (line[:-1], line[1:])
        cut = np.stack([0.75 * start + 0.25 * end, 0.25 * start + 0.75 * end], 1).reshape(-1, 2)
        line = cut if closed else np.concatenate([line[:1], cut, line[-1:]])
    return line


def _fixed_point(points: ArrayLike) -> np.ndarray:
    return np.rint(np.asarray(points) * (CANVAS << _SHIFT)).astype(np.int32)


def polygon(outline: ArrayLike, soft: float = 0.0) -> np.ndarray:
    """The inside of an outline [n, 2] as 1 on 0, its edge softened over `soft`."""
    inside = np.zeros((CANVAS, CANVAS), np.uint8)
    cv2.fillPoly(inside, [_fixed_point(outline)], 255, cv2.LINE_AA, _SHIFT)
    field = inside.astype(np.float32) / 255
    return smooth(field, soft) if soft else field


def ellipse(
    x: float, y: float, width: float, height: float, angle: float = 0.0, soft: float = 0.0
) -> np.ndarray:
    """A filled ellipse of half-axes `width` and `height`, turned by `angle` radians."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    across, down = width * np.cos(turn), height * np.sin(turn)
    outline = np.stack(
        [
            x + across * np.cos(angle) - down * np.sin(angle),
            y + across * np.sin(angle) + down * np.cos(angle),
        ],
        1,
    )
    return polygon(outline, soft)


def blob(
    x: float, y: float, width: float, height: float, *, angle: float = 0.0, edge: float = 1.0
) -> np.ndarray:
    """A bell of half-axes `width` and `height`; a greater `edge` gives a flatter top."""
    line = (np.arange(COARSE, dtype=np.float32) + 0.5) / COARSE
    across, down = line[None, :] - x, line[:, None] - y
    along = (across * np.cos(angle) + down * np.sin(angle)) / width
    beside = (down * np.cos(angle) - across * np.sin(angle)) / height
    return _enlarged(np.exp(-((along**2 + beside**2) ** edge)).astype(np.float32))


def stroke(canvas: np.ndarray, line: ArrayLike, width: float, value: float) -> None:
    """Draw a line [n, 2] of `value` (0 to 1) on a uint8 canvas, over what is there."""
    thickness = max(1, round(width * CANVAS))
    points = [_fixed_point(line)]
    cv2.polylines(canvas, points, False, round(255 * value), thickness, cv2.LINE_AA, _SHIFT)


def strokes(lines: Sequence[np.ndarray], width: float, soft: float = 0.0) -> np.ndarray:
    """Lines of one width as 1 on 0."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    for line in lines:
        stroke(canvas, line, width, 1.0)
    field = canvas.astype(np.float32) / 255
    return smooth(field, soft) if soft else field


def smooth(field: np.ndarray, sigma: float) -> np.ndarray:
    """Blur over `sigma`, wide blurs at a quarter of the resolution."""
    if sigma < 0.012:
        return cv2.GaussianBlur(field, (0, 0), sigma * CANVAS)
    small = cv2.resize(field, (COARSE, COARSE), interpolation=cv2.INTER_AREA)
    return _enlarged(cv2.GaussianBlur(small, (0, 0), sigma * COARSE))


def fluff(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Cloudy texture around 0.5, mostly within 0 to 1, `cells` coarse clouds a side."""
    field = blank()
    for octave, weight in enumerate((0.20, 0.12, 0.08)):
        side = cells * 2**octave
        noise = rng.standard_normal((side, side), np.float32)
        field += weight * cv2.resize(noise, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
    return field + 0.5


def net(rng: np.random.Generator, cells: int) -> np.ndarray:
    """A mesh of thin bright lines, as thickened septa look, 0 to 1."""
    field = blank()
    for side in (cells, 2 * cells):
        noise = rng.standard_normal((side, side), np.float32)
        wave = cv2.resize(noise, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
        field = np.maximum(field, np.clip(1 - 4 * np.abs(wave), 0, 1))
    return field


def _enlarged(small: np.ndarray) -> np.ndarray:
    return cv2.resize(small, (CANVAS, CANVAS), interpolation=cv2.INTER_LINEAR)
