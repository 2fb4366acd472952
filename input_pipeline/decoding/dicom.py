"""Gray levels of a DICOM file: as they are stored, and as the file says to show them.

A radiograph is one frame of one channel, MONOCHROME1 (0 is white) or MONOCHROME2 (0 is black).
Everything else that the standard allows is refused by name, because no guess at it is safe.
"""

from __future__ import annotations

import io
import logging
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian

from input_pipeline.decoding import dicom_elements
from input_pipeline.decoding.dicom_display import falls, shown_levels
from input_pipeline.decoding.dicom_pixels import CODESTREAM, stored_levels
from input_pipeline.decoding.image_errors import UnreadableImageError, check_bytes

__all__ = ["CODESTREAM", "is_dicom", "shown", "stored"]

MARK = b"DICM"
# What the standard pairs each interpretation with where the file says it twice (PS3.3, C.8.11.3).
SHAPES = {"MONOCHROME1": "INVERSE", "MONOCHROME2": "IDENTITY"}
# These hold other rescales, windows and frames than the ones at the top.
ELSEWHERE = (
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "PresentationLUTSequence",
)

logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # the reason is in the exception


def is_dicom(content: bytes) -> bool:
    """Whether the file has DICOM's mark, or begins as DICOM does that lost it."""
    return content[128:132] == MARK or _lacks_mark(content)


def stored(content: bytes) -> tuple[np.ndarray, bool]:
    """Read the levels as stored, without rescale slope, VOI LUT, window, or a look at padding.

    Returns:
      `[height, width]` of an integer type, and whether its high levels are to be shown dark.

    Raises:
      UnreadableImageError: the file is damaged, or holds no single radiograph; or what is left
        out would not only change its contrast: its levels are to be shown the other way round, or
        its padding is not the darkest of it.
    """
    with _in_words():
        dataset, inverted = _read(content)
        levels = stored_levels(dataset)
        padding = _padding(levels, dataset)
        picture = levels[~padding] if padding.any() else levels
        if falls(int(picture.min()), int(picture.max()), dataset):
            raise UnreadableImageError(
                "DICOM: its rescale or LUT shows high levels dark, which stored levels do not; "
                "use the recipe faithful"
            )
        pads = levels[padding]
        if pads.size and (pads.min() < picture.max() if inverted else pads.max() > picture.min()):
            raise UnreadableImageError(
                "DICOM: its padding is brighter than the picture in stored levels; use the recipe "
                "faithful"
            )
    return levels, inverted


def shown(content: bytes) -> np.ndarray:
    """Read the levels as a viewer shows them: modality LUT, then VOI LUT or window; bright: dense.

    A file with both VOI LUT and window is shown by its VOI LUT; of several, the first. Padding is
    as dark as the darkest pixel of the picture.

    Returns:
      `[height, width]` float32.

    Raises:
      UnreadableImageError: the file is damaged, or holds no single radiograph.
    """
    with _in_words():
        dataset, inverted = _read(content)
        levels = stored_levels(dataset)
        padding = _padding(levels, dataset)
        seen = shown_levels(levels, dataset)
    seen = -seen if inverted else seen
    if padding.any():
        seen[padding] = seen[~padding].min()
    with np.errstate(over="ignore"):
        single = seen.astype(np.float32)
    if not np.isfinite(single).all():
        raise UnreadableImageError("DICOM: rescale or window gives levels that are no numbers")
    if np.spacing(np.abs(single).max()) * 2**12 > np.ptp(seen) > 0:
        raise UnreadableImageError(
            "DICOM: levels that differ too little for how far they are from 0"
        )
    return single


@contextmanager
def _in_words() -> Iterator[None]:
    """Nothing but a reason in words leaves here, whatever pydicom stumbles on in a strange file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values outside the standard; the pixels decide
        try:
            yield
        except UnreadableImageError:
            raise
        except Exception:
            raise UnreadableImageError("DICOM: damaged, or not as the standard has it") from None


def _lacks_mark(content: bytes) -> bool:
    """Whether the first element is one that DICOM begins with: 0002,0000 or 0008,0000 to 0018."""
    starts = ("little", "big")
    return any(
        int.from_bytes(content[0:2], order) in (2, 8)  # type: ignore[arg-type]
        and int.from_bytes(content[2:4], order) <= 0x18  # type: ignore[arg-type]
        for order in starts
    )


def _read(content: bytes) -> tuple[Dataset, bool]:
    """The dataset, and whether 0 is white."""
    if content[128:132] != MARK:
        raise UnreadableImageError(
            "DICOM: without its preamble and its mark DICM; write it again as a DICOM file"
        )
    _check_unpacked(content)
    try:
        dataset = dcmread(io.BytesIO(content))
        syntax = dataset.file_meta.get("TransferSyntaxUID")
        empty = "PixelData" not in dataset or dataset["PixelData"].is_empty
    except Exception:  # pydicom raises whatever it stumbles on
        raise UnreadableImageError("DICOM: damaged or truncated, cannot be read") from None
    if not syntax:
        raise UnreadableImageError("DICOM: no TransferSyntaxUID, so its encoding is unknown")
    if not syntax.is_transfer_syntax:
        raise UnreadableImageError("DICOM: its TransferSyntaxUID is none that is known")
    inverted = _is_inverted(dataset)
    if empty:
        raise UnreadableImageError("DICOM: no PixelData (truncated, or not an image)")
    return dataset, inverted


def _check_unpacked(content: bytes) -> None:
    """Unpack a deflated file just far enough to know that it is of a bearable size."""
    # The first element behind the mark holds the length of the rest of the file's meta data.
    start = 144 + int.from_bytes(content[140:144], "little")
    if DeflatedExplicitVRLittleEndian.encode() not in content[:start]:
        return
    unpacker, packed = zlib.decompressobj(-zlib.MAX_WBITS), content[start:]
    unpacked = 0
    try:
        while packed and not unpacker.eof:
            unpacked += len(unpacker.decompress(packed, 2**20))
            check_bytes(unpacked)
            packed = unpacker.unconsumed_tail
    except zlib.error:
        raise UnreadableImageError("DICOM: damaged or truncated, cannot be read") from None


def _is_inverted(dataset: Dataset) -> bool:
    meaning = str(dicom_elements.needed(dataset, "PhotometricInterpretation"))
    samples = dicom_elements.integer(dataset, "SamplesPerPixel")
    if meaning not in SHAPES or samples != 1:
        raise UnreadableImageError(f"DICOM: photometric interpretation {meaning} is no radiograph")
    shape = dicom_elements.single(dataset, "PresentationLUTShape") or SHAPES[meaning]
    if shape != SHAPES[meaning]:
        raise UnreadableImageError(f"DICOM: {meaning} contradicts presentation LUT shape {shape}")
    for name in ELSEWHERE:
        if dicom_elements.values(dataset, name):
            raise UnreadableImageError(f"DICOM: {name} says how to show it, which is not read")
    if dicom_elements.values(dataset, "NumberOfFrames"):
        frames = dicom_elements.integer(dataset, "NumberOfFrames")
        if frames != 1:
            raise UnreadableImageError(f"DICOM: {frames} frames instead of one")
    return meaning == "MONOCHROME1"


def _padding(levels: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Which pixels are no picture (C.7.5.1.1.2), `[height, width]`."""
    first = dicom_elements.number(dataset, "PixelPaddingValue")
    last = dicom_elements.number(dataset, "PixelPaddingRangeLimit")
    if first is None:
        if last is not None:
            raise UnreadableImageError("DICOM: PixelPaddingRangeLimit without PixelPaddingValue")
        return np.zeros(levels.shape, bool)
    # 16 bits whose sign the file may have lost.
    ends = [first if last is None else last, first]
    if levels.dtype.kind == "i":
        ends = [end - 2**16 if end >= 2**15 else end for end in ends]
    else:
        ends = [end % 2**16 if end < 0 else end for end in ends]
    padding = (levels >= min(ends)) & (levels <= max(ends))
    if padding.all():
        raise UnreadableImageError("DICOM: every pixel is padding")
    return np.asarray(padding)
