"""From decoded gray levels to what the model is trained on: one square uint8 image.

`paper` takes the study's exact steps (its public preprocessing code): of 16-bit PNGs the high byte,
of DICOM the stored levels; quadratic spline resize without anti-aliasing; min-max to 8 bits;
MONOCHROME1 inverted; histogram equalization. `faithful` loses nothing on the way: full depth and
the file's own VOI transform, area resize, and equalization of 16-bit levels. Both disregard the
aspect ratio.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from input_pipeline.decoding import dicom
from input_pipeline.decoding.decode import decode_full_depth, decode_high_byte
from input_pipeline.decoding.image_errors import UnreadableImageError
from input_pipeline.decoding.spline import resize

Recipe = Callable[[bytes, int], np.ndarray]
DEEP = 2**16 - 1


def paper(content: bytes, size: int) -> np.ndarray:
    """Prepare a file as the study did.

    Args:
      content: of a PNG, JPEG or DICOM.
      size: side of the result, pixels.

    Returns:
      `[size, size]` uint8.

    Raises:
      UnreadableImageError: no whole image, or one of a single gray level.
    """
    if dicom.is_dicom(content):
        levels, inverted = dicom.stored(content)
    else:
        levels, inverted = decode_high_byte(content), False
    _refuse_constant(levels)
    gray = _stretch(resize(levels, size), 255).astype(np.uint8)
    return cv2.equalizeHist(np.invert(gray) if inverted else gray)


def faithful(content: bytes, size: int) -> np.ndarray:
    """Prepare a file without loss of depth and without aliasing.

    Args:
      content: of a PNG, JPEG or DICOM.
      size: side of the result, pixels.

    Returns:
      `[size, size]` uint8.

    Raises:
      UnreadableImageError: no whole image, or one of a single gray level.
    """
    if dicom.is_dicom(content):
        levels = dicom.shown(content)
    else:
        levels = decode_full_depth(content).astype(np.float32)
    _refuse_constant(levels)
    # Averaging areas cannot enlarge.
    method = cv2.INTER_AREA if min(levels.shape) >= size else cv2.INTER_LINEAR
    resized = cv2.resize(levels, (size, size), interpolation=method)
    return equalize(_stretch(resized, DEEP).astype(np.uint16))


def shown(content: bytes) -> np.ndarray:
    """Give a file's picture as a viewer shows it, at its own size; for people, not for models.

    Args:
      content: of a PNG, JPEG or DICOM.

    Returns:
      `[height, width]` uint8: of 8 bits as they are; deeper ones, and those of a DICOM, stretched.

    Raises:
      UnreadableImageError: no whole image, or one of a single gray level.
    """
    levels = dicom.shown(content) if dicom.is_dicom(content) else decode_full_depth(content)
    if levels.dtype == np.uint8:
        return levels
    return _stretch(levels, 255).astype(np.uint8)


def equalize(levels: np.ndarray) -> np.ndarray:
    """Equalize the histogram of 16-bit levels, to 8 bits, by OpenCV's formula for 8-bit ones.

    Args:
      levels: `[height, width]` uint16, of more than one level.

    Returns:
      `[height, width]` uint8.
    """
    up_to = np.cumsum(np.bincount(levels.ravel(), minlength=DEEP + 1))
    darkest = up_to[levels.min()]
    table = np.rint((up_to - darkest) / (levels.size - darkest) * 255).clip(0)
    return table.astype(np.uint8)[levels]


def _stretch(image: np.ndarray, top: int) -> np.ndarray:
    """Stretch from the darkest to the brightest level over 0 to `top`, in whole numbers."""
    _refuse_constant(image)
    image = image.astype(np.float64)
    low, high = image.min(), image.max()
    return np.rint((image - low) / (high - low) * top)


def _refuse_constant(image: np.ndarray) -> None:
    if image.min() == image.max():
        raise UnreadableImageError("constant image: every pixel has the same level")


RECIPES: dict[str, Recipe] = {"paper": paper, "faithful": faithful}

# The same in words, for whoever has to do it without this package; side is that of the result.
STEPS: dict[str, tuple[str, ...]] = {
    "paper": (
        "PNG or JPEG: decode to gray levels of 8 bits; of 16 bits keep the high byte, of colours "
        "the luminance, and drop alpha. DICOM: take the stored levels, without rescale or window",
        "resize to side x side, disregarding the aspect ratio, by a quadratic spline without "
        "anti-aliasing (scipy.ndimage.zoom, order=2)",
        "stretch so that the darkest level is 0 and the brightest 255, round to whole numbers",
        "invert (255 - level) if the DICOM is MONOCHROME1",
        "equalize the histogram (cv2.equalizeHist)",
    ),
    "faithful": (
        "PNG or JPEG: decode to gray levels of full depth; of colours keep the luminance, and "
        "drop alpha. DICOM: apply modality LUT or rescale, then VOI LUT or window; show "
        "MONOCHROME1 inverted; make padding as dark as the darkest pixel of the picture",
        "resize to side x side, disregarding the aspect ratio, by averaging areas "
        "(cv2.INTER_AREA), or bilinearly where the image is smaller than that",
        "stretch so that the darkest level is 0 and the brightest 65535, round to whole numbers",
        "equalize the histogram of the 16-bit levels, to 8 bits",
    ),
}
