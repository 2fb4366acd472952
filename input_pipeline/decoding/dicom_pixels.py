"""The levels that a DICOM file stores, once its header and its pixels agree (PS3.3, C.7.6.3)."""

from __future__ import annotations

import numpy as np
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder
from pydicom.uid import (
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGTransferSyntaxes,
    RLELossless,
)

from input_pipeline.decoding.decode import check_decodes
from input_pipeline.decoding.dicom_elements import integer
from input_pipeline.decoding.image_errors import UnreadableImageError, check_size
from input_pipeline.decoding.jpeg import check_jpeg

# In this order, since decoders differ by a gray level in how they round a lossy JPEG.
PLUGINS = ("pylibjpeg", "pillow", "pydicom", "gdcm")
CODESTREAM = b"\xff\x4f\xff\x51"  # JPEG 2000: start, and the segment that tells the size


def stored_levels(dataset: Dataset) -> np.ndarray:
    """Decode the pixels and keep the bits that are stored levels.

    Other bits of a pixel may hold overlays, or anything: they are no levels (C.7.6.3.1.1, and
    PS3.5, 8.1.1).

    Returns:
      `[height, width]` of an integer type of `BitsAllocated`.

    Raises:
      UnreadableImageError: the pixels are damaged, or are not those that the header describes.
    """
    columns, rows = integer(dataset, "Columns"), integer(dataset, "Rows")
    check_size(columns, rows)
    allocated, stored, high = (
        integer(dataset, name) for name in ("BitsAllocated", "BitsStored", "HighBit")
    )
    signed = integer(dataset, "PixelRepresentation")
    if allocated not in (8, 16, 32) or not stored - 1 <= high < allocated or stored < 1:
        raise UnreadableImageError(
            f"DICOM: {stored} stored bits up to bit {high} of {allocated} allocated bits cannot be"
        )
    if signed not in (0, 1):
        raise UnreadableImageError(f"DICOM: PixelRepresentation {signed} is neither 0 nor 1")
    width = allocated // 8
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        _check_frame(dataset, rows, columns)
    # Padding behind the pixels does no harm, but it must be less than a row or a column of them.
    elif not 0 <= len(dataset.PixelData) - rows * columns * width < min(rows, columns) * width:
        raise UnreadableImageError(
            f"DICOM: {len(dataset.PixelData):,} bytes of pixels are not {rows} x {columns} of "
            f"{allocated} bits (truncated, or a wrong header)"
        )
    return _keep_stored_bits(_decode(dataset), dataset, stored, high, signed=bool(signed))


def _decode(dataset: Dataset) -> np.ndarray:
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        decoder = None
    available = decoder.available_plugins if decoder and syntax.is_encapsulated else ()
    plugin = next((name for name in PLUGINS if name in available), "")
    if decoder is None or (syntax.is_encapsulated and not plugin):
        raise UnreadableImageError(f"DICOM: no decoder is installed for {syntax.name}")
    try:
        # Bits and sign are seen to here, for every transfer syntax alike.
        levels, _ = decoder.as_array(
            dataset,
            decoding_plugin=plugin,
            raw=True,
            correct_unused_bits=False,  # type: ignore[arg-type]
            apply_j2k_sign_correction=False,  # type: ignore[arg-type]
        )
    except Exception:  # pydicom and its decoders raise whatever they stumble on
        raise UnreadableImageError("DICOM: damaged pixels, which cannot be decoded") from None
    if levels.shape != (integer(dataset, "Rows"), integer(dataset, "Columns")):
        raise UnreadableImageError("DICOM: its pixels are not of the size in its header")
    return levels


def _keep_stored_bits(
    levels: np.ndarray, dataset: Dataset, stored: int, high: int, *, signed: bool
) -> np.ndarray:
    bits = integer(dataset, "BitsAllocated")
    whole = levels.astype(f"{'i' if signed else 'u'}{bits // 8}", copy=False)
    if stored == bits:
        return whole
    # Up to the top, which drops the bits above, and down again, with the sign if there is one.
    kept = (whole << (bits - 1 - high)) >> (bits - stored)
    # A lossy codec blurs overlays into the levels; a sign may be a lone bit or run to the top.
    if _is_lossy(dataset) and not ((whole == kept) | (whole == kept & (1 << stored) - 1)).all():
        raise UnreadableImageError(
            f"DICOM: bits beyond the {stored} stored ones in lossy "
            f"{dataset.file_meta.TransferSyntaxUID.name}"
        )
    return np.asarray(kept)


def _is_lossy(dataset: Dataset) -> bool:
    syntax = dataset.file_meta.TransferSyntaxUID
    return syntax.is_encapsulated and syntax != RLELossless and "Lossless" not in syntax.name


def _check_frame(dataset: Dataset, rows: int, columns: int) -> None:
    """Check what decoders forgive, a missing part, or would allocate memory for, a false size."""
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    except Exception:
        raise UnreadableImageError("DICOM: damaged pixels, which are in no frame") from None
    if syntax == RLELossless:
        return
    if integer(dataset, "HighBit") != integer(dataset, "BitsStored") - 1:
        raise UnreadableImageError(f"DICOM: HighBit is not BitsStored - 1 in {syntax.name}")
    if syntax in JPEG2000TransferSyntaxes:
        _check_jpeg_2000(frame, rows, columns)
    elif syntax in JPEGTransferSyntaxes:
        header = check_jpeg(frame)
        if (header.height, header.width, len(header.components)) != (rows, columns, 1):
            raise UnreadableImageError("DICOM: its JPEG is not of the size in its header, or gray")
        if syntax == JPEGBaseline8Bit:
            check_decodes(frame)


def _check_jpeg_2000(frame: bytes, rows: int, columns: int) -> None:
    start = frame.find(CODESTREAM)
    if start < 0 or b"\xff\xd9" not in frame[-1024:] or len(frame) < start + 42:
        raise UnreadableImageError("DICOM: truncated JPEG 2000, without start or end marker")
    right, bottom, left, top = np.frombuffer(frame, ">u4", 4, start + 8).tolist()
    if (right - left, bottom - top) != (columns, rows):
        raise UnreadableImageError("DICOM: its JPEG 2000 is not of the size in its header")
    if frame[start + 40 : start + 42] != b"\0\1":
        raise UnreadableImageError("DICOM: its JPEG 2000 has several channels")
