"""Gray levels of a DICOM file: as they are stored, and as the file says to show them."""

from __future__ import annotations

import io
import warnings
from typing import Any

import cv2
import numpy as np

from input_pipeline.decode import UnreadableImageError, check_size

GRAY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")


def is_dicom(content: bytes) -> bool:
    """Whether the file has DICOM's mark, after a preamble of 128 bytes."""
    return content[128:132] == b"DICM"


def stored(content: bytes) -> tuple[np.ndarray, bool]:
    """Read the levels as stored, without rescale slope, VOI LUT or window.

    Returns:
      `[height, width]` of an integer type, and whether its high levels are to be shown dark.

    Raises:
      UnreadableImageError: the file is damaged, or holds no single radiograph.
    """
    levels, dataset = _guarded(_read, content)
    if levels.dtype.kind not in "iu":
        raise UnreadableImageError("DICOM: gray levels are not whole numbers")
    return levels, dataset.PhotometricInterpretation == "MONOCHROME1"


def shown(content: bytes) -> np.ndarray:
    """Read the levels as a viewer shows them: modality LUT, then VOI LUT or window; bright: dense.

    A file with both VOI LUT and window is shown by its VOI LUT; of several, the first.

    Returns:
      `[height, width]` float32.

    Raises:
      UnreadableImageError: the file is damaged, or holds no single radiograph.
    """
    return _guarded(_show, content)


def _guarded(function: Any, content: bytes) -> Any:
    """Turn whatever pydicom and its decoders raise at damaged files into a reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values outside the standard; the pixels decide
            return function(content)
    except UnreadableImageError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnreadableImageError(f"DICOM: {reason}") from None


def _show(content: bytes) -> np.ndarray:
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    levels, dataset = _read(content)
    if dataset.PhotometricInterpretation in GRAY:
        levels = apply_voi_lut(apply_modality_lut(levels, dataset), dataset)
    if not np.isfinite(levels).all():
        raise UnreadableImageError("DICOM: gray levels are not finite after rescaling")
    levels = levels.astype(np.float32)
    return -levels if dataset.PhotometricInterpretation == "MONOCHROME1" else levels


def _read(content: bytes) -> tuple[np.ndarray, Any]:
    import pydicom

    dataset = pydicom.dcmread(io.BytesIO(content))
    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise UnreadableImageError("DICOM: holds no image")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise UnreadableImageError(f"DICOM: {frames} frames instead of one")
    check_size(int(dataset.Columns), int(dataset.Rows))
    photometric = dataset.get("PhotometricInterpretation")
    if photometric not in (*GRAY, *COLOUR, "PALETTE COLOR"):
        raise UnreadableImageError(f"DICOM: unknown photometric interpretation {photometric!r}")
    return _gray(dataset), dataset


def _gray(dataset: Any) -> np.ndarray:
    from pydicom.pixels import apply_color_lut

    levels = dataset.pixel_array
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        levels = apply_color_lut(levels, dataset)
    if levels.ndim == 3:
        # pydicom gives RGB, whatever the file's colours are.
        levels = cv2.cvtColor(np.ascontiguousarray(levels[..., :3]), cv2.COLOR_RGB2GRAY)
    if levels.ndim != 2:
        raise UnreadableImageError(f"DICOM: pixels have the shape {levels.shape}")
    return np.asarray(levels)
