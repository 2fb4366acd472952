"""Maps over radiographs as pictures: heat for shares, two colours for what speaks for and against.

Each map is coloured from its own smallest to its own largest value: colours of two maps do not
compare.
"""

from __future__ import annotations

import cv2
import numpy as np

# From nothing over orange to yellow: legible on grey for who confuses red and green.
HEAT = np.array([[120, 28, 109], [229, 92, 48], [252, 255, 164]], np.float32)
FOR = np.array([253, 141, 60], np.float32)
AGAINST = np.array([67, 147, 245], np.float32)
SMOOTHING = 1 / 50  # of the side: pixel by pixel, gradients are noise to the eye
CLIPPED = 99.5  # percentile of the size of attributions that is full colour


def spread(values: np.ndarray) -> np.ndarray:
    """Stretch a map over 0 to 1; one of a single value is 0."""
    span = values.max() - values.min()
    return ((values - values.min()) / (span or 1)).astype(np.float32)


def heated(gray: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Lay a map over a radiograph.

    Args:
      gray: `[height, width]` uint8.
      share: `[rows, columns]` in 0 to 1, as of `spread`; drawn over all of the radiograph.

    Returns:
      `[height, width, 3]` uint8, red, green, blue.
    """
    weight = np.clip(_resized(share, gray), 0, 1)[..., None]
    places = weight * (len(HEAT) - 1)
    low = np.minimum(places.astype(int), len(HEAT) - 2)[..., 0]
    color = HEAT[low] + (places - low[..., None]) * (HEAT[low + 1] - HEAT[low])
    return _mixed(gray, color, 0.65 * weight)


def balanced(values: np.ndarray) -> np.ndarray:
    """Smooth attributions `[side, side]`, and stretch their sizes over -1 to 1."""
    sigma = max(1.0, SMOOTHING * len(values))
    smooth = cv2.GaussianBlur(values.astype(np.float32), (0, 0), sigma)
    top = np.percentile(np.abs(smooth), CLIPPED)
    return np.clip(smooth / (top or 1), -1, 1)


def two_coloured(gray: np.ndarray, balance: np.ndarray) -> np.ndarray:
    """Lay attributions over a radiograph: orange where they speak for a label, blue against.

    Args:
      gray: `[height, width]` uint8.
      balance: `[side, side]` in -1 to 1, as of `balanced`.

    Returns:
      `[height, width, 3]` uint8, red, green, blue.
    """
    drawn = np.clip(_resized(balance, gray), -1, 1)[..., None]
    return _mixed(gray, np.where(drawn > 0, FOR, AGAINST), 0.8 * np.abs(drawn))


def _resized(values: np.ndarray, gray: np.ndarray) -> np.ndarray:
    height, width = gray.shape
    wide = np.ascontiguousarray(values, np.float32)
    return cv2.resize(wide, (width, height), interpolation=cv2.INTER_LINEAR)


def _mixed(gray: np.ndarray, color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    base = gray.astype(np.float32)[..., None]
    return np.rint((1 - alpha) * base + alpha * color).astype(np.uint8)
