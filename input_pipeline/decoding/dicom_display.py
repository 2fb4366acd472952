"""From the levels that a DICOM file stores to those that it says to show (PS3.3, C.11.1, C.11.2).

First the modality LUT or rescale, then a VOI LUT or window; several of the latter are choices for
the viewer, of which the first is taken, a LUT before a window.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom import Dataset
from scipy.special import expit

from input_pipeline.decoding.dicom_elements import integer, number, numbers, single, values
from input_pipeline.decoding.image_errors import UnreadableImageError


def shown_levels(levels: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Apply everything that the file says.

    Args:
      levels: stored, `[...]` of an integer type.
      dataset: the file.

    Returns:
      `[...]` float64; of a window, over the range that the rescaled levels could take.

    Raises:
      UnreadableImageError: what it says is not as the standard has it.
    """
    rescaled = _modality(levels, dataset)
    if values(dataset, "VOILUTSequence"):
        return _voi_lut(rescaled, dataset)
    window = _window(dataset)
    if window is None:
        return rescaled
    return _through_window(rescaled, *window, *_span(dataset))


def falls(low: int, high: int, dataset: Dataset) -> bool:
    """Whether rescale and LUTs turn a high stored level into a lower one than a low stored level.

    A window never does.

    Raises:
      UnreadableImageError: they are not as the standard has them.
    """
    ends = _modality(np.array([low, high]), dataset)
    if values(dataset, "VOILUTSequence"):
        ends = _voi_lut(ends, dataset)
    return bool(ends[1] < ends[0])


def _modality(levels: np.ndarray, dataset: Dataset) -> np.ndarray:
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    if values(dataset, "ModalityLUTSequence"):
        if slope is not None or intercept is not None:
            raise UnreadableImageError("DICOM: both a modality LUT and a rescale; which is unknown")
        if len(values(dataset, "ModalityLUTSequence")) > 1:
            raise UnreadableImageError("DICOM: several modality LUTs instead of one")
        signed = bool(integer(dataset, "PixelRepresentation"))
        return _look_up(levels, *_table(dataset, "ModalityLUTSequence", signed=signed))
    if (slope is None) != (intercept is None):
        given, lacking = "RescaleSlope", "RescaleIntercept"
        if slope is None:
            given, lacking = lacking, given
        raise UnreadableImageError(f"DICOM: {given} without {lacking}, absent or empty")
    if slope is None or intercept is None:
        return levels.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        rescaled = levels * np.float64(slope) + intercept
    if not np.isfinite(rescaled).all():
        raise UnreadableImageError("DICOM: its rescale gives levels that are no numbers")
    return np.asarray(rescaled)


def _span(dataset: Dataset) -> tuple[float, float]:
    """The least and the greatest level that can come out of the modality LUT or rescale."""
    bits = integer(dataset, "BitsStored")
    low, high = 0, 2**bits - 1
    if integer(dataset, "PixelRepresentation"):
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    if values(dataset, "ModalityLUTSequence"):
        table = _table(dataset, "ModalityLUTSequence", signed=bool(low))[1]
        return float(table.min()), float(table.max())
    ends = _modality(np.array([low, high]), dataset)
    return float(ends.min()), float(ends.max())


def _voi_lut(levels: np.ndarray, dataset: Dataset) -> np.ndarray:
    signed = _span(dataset)[0] < 0
    return _look_up(levels, *_table(dataset, "VOILUTSequence", signed=signed))


def _table(dataset: Dataset, sequence: str, *, signed: bool) -> tuple[int, np.ndarray]:
    """The level that a LUT begins with, and its entries (C.11.1.1, C.11.2.1.1)."""
    try:
        item = values(dataset, sequence)[0]
        descriptor = [int(value) for value in values(item, "LUTDescriptor")]
        data = item["LUTData"].value
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UnreadableImageError(f"DICOM: {sequence} without a LUT") from None
    if len(descriptor) != 3:
        raise UnreadableImageError(f"DICOM: {sequence} has a LUT without a descriptor of 3 numbers")
    # 16 bits whose sign a file may have lost; 65,536 entries are written as 0.
    count = (descriptor[0] & 0xFFFF) or 2**16
    first = descriptor[1] & 0xFFFF
    if signed and first >= 2**15:
        first -= 2**16
    bits = descriptor[2]
    table = _entries(data, count, bits, little=_little(dataset))
    if table is None or not 8 <= bits <= 16 or table.max() >= 2**bits:
        raise UnreadableImageError(
            f"DICOM: {sequence} has a LUT that does not hold the {count} entries of {bits} bits of "
            "its descriptor"
        )
    return first, table


def _entries(
    data: bytes | int | Sequence[int] | None, count: int, bits: int, *, little: bool
) -> np.ndarray | None:
    """The entries, or None where they are not so many; 8 bits may be packed in bytes."""
    if isinstance(data, int):
        data = [data]
    if not data:
        return None
    if not isinstance(data, bytes):
        if not all(isinstance(value, int) for value in data):
            return None
        table = np.array([value & 0xFFFF for value in data], np.float64)
    elif bits == 8 and len(data) == count + count % 2:
        table = np.frombuffer(data, np.uint8)[:count].astype(np.float64)
    elif len(data) % 2 == 0:
        table = np.frombuffer(data, "<u2" if little else ">u2").astype(np.float64)
    else:
        return None
    return table if len(table) == count else None


def _little(dataset: Dataset) -> bool:
    return bool(dataset.file_meta.TransferSyntaxUID.is_little_endian)


def _look_up(levels: np.ndarray, first: int, table: np.ndarray) -> np.ndarray:
    places = np.rint(levels).astype(np.int64) - first
    return np.asarray(table[places.clip(0, len(table) - 1)])


def _window(dataset: Dataset) -> tuple[float, float, str] | None:
    """Center, width and function of the first window."""
    centers, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    if len(centers) != len(widths):
        raise UnreadableImageError(
            f"DICOM: {len(centers)} values of WindowCenter for {len(widths)} of WindowWidth"
        )
    if not centers:
        return None
    function = str(single(dataset, "VOILUTFunction") or "LINEAR")
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        raise UnreadableImageError("DICOM: its VOILUTFunction is none of the standard's")
    if widths[0] < 1 if function == "LINEAR" else widths[0] <= 0:
        raise UnreadableImageError(f"DICOM: WindowWidth {widths[0]:g} is too small for {function}")
    return centers[0], widths[0], function


def _through_window(
    levels: np.ndarray, center: float, width: float, function: str, low: float, high: float
) -> np.ndarray:
    """C.11.2.1.2 and C.11.2.1.3, over `low` to `high`."""
    if function == "SIGMOID":
        with np.errstate(over="ignore"):  # of a width near nothing
            share = expit(4 * (levels - center) / width)
    else:
        if function == "LINEAR":
            center, width = center - 0.5, width - 1
        if width == 0:
            share = (levels > center).astype(np.float64)
        else:
            share = ((levels - center) / width + 0.5).clip(0, 1)
    return np.asarray(share * (high - low) + low)
