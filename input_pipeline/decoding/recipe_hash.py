"""A name for the exact preprocessing: the hash of what it makes of a few fixed pictures.

Code can be reworded and libraries updated without a change, and a library's update can change the
pictures without a change of code; so the outcome is hashed, not the text.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit

from input_pipeline.decoding.image_errors import UnreadableImageError
from input_pipeline.decoding.recipes import RECIPES

HEIGHT, WIDTH = 150, 130


def recipe_hash(recipe: str, size: int) -> str:
    """Hash what a recipe makes of one picture in seven kinds of file; of one that it refuses, none.

    Args:
      recipe: a key of `RECIPES`.
      size: side of the prepared images, pixels.

    Returns:
      16 hexadecimal digits; the same for two preparations means the same preprocessing.
    """
    digest = hashlib.sha256(f"{recipe} {size}".encode())
    for content in _files():
        with suppress(UnreadableImageError):
            digest.update(RECIPES[recipe](content, size).tobytes())
    return digest.hexdigest()[:16]


def _files() -> Iterator[bytes]:
    """8- and 16-bit PNG, colour JPEG, and DICOM uncompressed, JPEG, JPEG 2000, and uncommon."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    picture = (x * 251 + y * 89 + (x * y) % 1013 * 20) % 40_000 + 9_000  # whole numbers alone
    deep, flat = picture.astype(np.uint16), (picture >> 8).astype(np.uint8)
    yield cv2.imencode(".png", flat)[1].tobytes()
    yield cv2.imencode(".png", deep)[1].tobytes()
    jpeg = cv2.imencode(".jpg", np.stack([flat, flat.T.reshape(flat.shape), 255 - flat], -1))
    yield jpeg[1].tobytes()
    yield _dicom(deep, deep.tobytes(), ExplicitVRLittleEndian)
    yield _dicom(flat, cv2.imencode(".jpg", flat)[1].tobytes(), JPEGBaseline8Bit)
    yield _dicom(flat, cv2.imencode(".jp2", flat)[1].tobytes(), JPEG2000Lossless)
    padded = np.where(x < 9, 0xFFF, deep >> 4).astype(np.uint16)
    uncommon = {"BitsStored": 12, "HighBit": 11, "PixelPaddingValue": 0xFFF, "RescaleSlope": "-2"}
    uncommon |= {"WindowCenter": "-3600", "WindowWidth": "5000"}
    overlaid = (padded | (x % 7 == 0) << 15).astype(np.uint16)
    yield _dicom(padded, overlaid.tobytes(), ExplicitVRLittleEndian, **uncommon)


def _dicom(stored: np.ndarray, pixels: bytes, syntax: UID, **elements: Any) -> bytes:
    """A MONOCHROME1 file with a rescale and a window."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.1.1")
    data.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    data.PhotometricInterpretation, data.SamplesPerPixel = "MONOCHROME1", 1
    data.Rows, data.Columns = stored.shape
    data.BitsAllocated = data.BitsStored = stored.itemsize * 8
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    data.RescaleSlope, data.RescaleIntercept = "2", "-10"
    top = int(stored.max())
    data.WindowCenter, data.WindowWidth = str(top), str(top)
    encapsulated = syntax.is_encapsulated
    data.PixelData = encapsulate([pixels]) if encapsulated else pixels
    data["PixelData"].VR = "OB" if encapsulated else "OW"
    for name, value in elements.items():
        setattr(data, name, value)
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()
