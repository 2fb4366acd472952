"""Gray levels of a DICOM file: as they are stored, and as the file says to show them.

A radiograph is one frame of one channel, MONOCHROME1 (0 is white) or MONOCHROME2 (0 is black).
Everything else that the standard allows is refused by name, because no guess at it is safe.
"""

from __future__ import annotations

import io
import logging
import warnings

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.encaps import get_frame
from pydicom.pixels import apply_modality_lut, apply_voi_lut, get_decoder
from pydicom.uid import JPEG2000TransferSyntaxes, JPEGTransferSyntaxes

from input_pipeline.decode import UnreadableImageError, check_jpeg, check_size

NEEDED = (
    "PhotometricInterpretation",
    "SamplesPerPixel",
    "Rows",
    "Columns",
    "BitsAllocated",
    "PixelData",
)
# What the standard pairs each interpretation with where the file says it twice (PS3.3, C.8.11.3).
SHAPES = {"MONOCHROME1": "INVERSE", "MONOCHROME2": "IDENTITY"}
# In this order, since decoders differ by a gray level in how they round a lossy JPEG.
PLUGINS = ("pylibjpeg", "pillow", "pydicom", "gdcm")
CODESTREAM = b"\xff\x4f\xff\x51"  # JPEG 2000: start, and the segment that tells the size

logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # the reason is in the exception


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
    return _decode(content, as_shown=False)


def shown(content: bytes) -> np.ndarray:
    """Read the levels as a viewer shows them: modality LUT, then VOI LUT or window; bright: dense.

    A file with both VOI LUT and window is shown by its VOI LUT; of several, the first.

    Returns:
      `[height, width]` float32.

    Raises:
      UnreadableImageError: the file is damaged, or holds no single radiograph.
    """
    levels, inverted = _decode(content, as_shown=True)
    if not np.isfinite(levels).all():
        raise UnreadableImageError("DICOM: rescale or window gives levels that are no numbers")
    return np.asarray(-levels if inverted else levels, np.float32)


def _decode(content: bytes, *, as_shown: bool) -> tuple[np.ndarray, bool]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values outside the standard; the pixels decide
        try:
            dataset = dcmread(io.BytesIO(content))
            _check(dataset)
            levels = dataset.pixel_array
            if as_shown:
                levels = np.asarray(apply_modality_lut(levels, dataset), np.float64)
                levels = np.asarray(apply_voi_lut(levels, dataset), np.float64)
        except UnreadableImageError:
            raise
        except Exception as error:  # pydicom and its decoders raise whatever they stumble on
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise UnreadableImageError(f"DICOM: {reason}") from None
    return levels, dataset.PhotometricInterpretation == "MONOCHROME1"


def _check(dataset: Dataset) -> None:
    for name in NEEDED:
        if name not in dataset or dataset[name].is_empty:
            raise UnreadableImageError(f"DICOM: no {name} (truncated, or not an image)")
    meaning = str(dataset.PhotometricInterpretation)
    if meaning not in SHAPES or dataset.SamplesPerPixel != 1:
        raise UnreadableImageError(f"DICOM: photometric interpretation {meaning} is no radiograph")
    shape = dataset.get("PresentationLUTShape") or SHAPES[meaning]
    if shape != SHAPES[meaning]:
        raise UnreadableImageError(f"DICOM: {meaning} contradicts presentation LUT shape {shape}")
    if (frames := int(dataset.get("NumberOfFrames") or 1)) != 1:
        raise UnreadableImageError(f"DICOM: {frames} frames instead of one")
    check_size(int(dataset.Columns), int(dataset.Rows))
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        _check_frame(dataset)
        dataset.pixel_array_options(decoding_plugin=_plugin(dataset))


def _check_frame(dataset: Dataset) -> None:
    """Check what decoders forgive, a missing end, or would allocate memory for, a false size."""
    syntax = dataset.file_meta.TransferSyntaxUID
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    if syntax in JPEG2000TransferSyntaxes:
        start = frame.find(CODESTREAM)
        if start < 0 or b"\xff\xd9" not in frame[-1024:]:
            raise UnreadableImageError("DICOM: truncated JPEG 2000, without start or end marker")
        right, bottom, left, top = np.frombuffer(frame, ">u4", 4, start + 8).tolist()
        if (right - left, bottom - top) != (dataset.Columns, dataset.Rows):
            raise UnreadableImageError("DICOM: its JPEG 2000 is not of the size in its header")
    elif syntax in JPEGTransferSyntaxes:
        check_jpeg(frame)


def _plugin(dataset: Dataset) -> str:
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        available = get_decoder(syntax).available_plugins
    except NotImplementedError:
        available = ()
    for name in PLUGINS:
        if name in available:
            return name
    raise UnreadableImageError(f"DICOM: no decoder is installed for {syntax.name}")
