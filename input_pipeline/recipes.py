"""From decoded gray levels to what the model is trained on: one square uint8 image.

`paper` takes the study's exact steps (its public preprocessing code): quadratic spline resize
without anti-aliasing and without regard to the aspect ratio, min-max to [0, 1], 8 bits, global
histogram equalization.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from scipy.ndimage import zoom

from input_pipeline.decode import UnreadableImageError, decode_high_byte

Recipe = Callable[[bytes, int], np.ndarray]


def paper(content: bytes, size: int) -> np.ndarray:
    """Prepare a file as the study did.

    Args:
      content: of a PNG or JPEG.
      size: side of the result, pixels.

    Returns:
      `[size, size]` uint8.

    Raises:
      UnreadableImageError: no whole image, or one of a single gray level.
    """
    gray = decode_high_byte(content)
    height, width = gray.shape
    resized = zoom(gray, (size / height, size / width), order=2)
    return cv2.equalizeHist(to_8_bits(resized))


def to_8_bits(image: np.ndarray) -> np.ndarray:
    """Stretch from the darkest to the brightest level over 0 to 255.

    Raises:
      UnreadableImageError: the image has a single level; there is nothing to stretch.
    """
    low, high = float(image.min()), float(image.max())
    if low == high:
        raise UnreadableImageError("constant image: every pixel has the same level")
    return np.rint((image - low) / (high - low) * 255).astype(np.uint8)


RECIPES: dict[str, Recipe] = {"paper": paper}
