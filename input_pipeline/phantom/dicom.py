"""Phantom radiographs as DICOM, with the variety of VinDr-CXR's files."""

from __future__ import annotations

import io

import numpy as np

BITS = (12, 14, 16)


def encode(picture: np.ndarray, *, inverted: bool, name: str, age: int | None, sex: str) -> bytes:
    """One DICOM file of `picture` [height, width], 0 to 1 with bright for dense.

    `inverted` stores it as MONOCHROME1, where 0 is white. Everything else that varies from file
    to file follows from `name`: 12, 14 or 16 bits, and raw, RLE or JPEG 2000 lossless pixels.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless, generate_uid

    kind = sum(name.encode())
    bits = BITS[kind % 3]
    top = 2**bits - 1
    stored = np.rint((1 - picture if inverted else picture) * top).astype(np.uint16)
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"  # Digital X-Ray, for presentation
    data.SOPInstanceUID = generate_uid(entropy_srcs=[name])
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.Modality = "DX"
    data.PatientSex = sex
    data.PatientAge = "" if age is None else f"{age:03d}Y"
    data.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    data.SamplesPerPixel = 1
    data.Rows, data.Columns = stored.shape
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, bits, bits - 1
    data.PixelRepresentation = 0
    data.RescaleIntercept, data.RescaleSlope = "0", "1"
    data.WindowCenter, data.WindowWidth = str(top // 2), str(top + 1)
    data.PixelData = stored.tobytes()
    syntax = (ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless)[kind // 3 % 3]
    if syntax != ExplicitVRLittleEndian:
        data.compress(syntax, generate_instance_uid=False)
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()
