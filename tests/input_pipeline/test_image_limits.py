"""Images that ask for much, or take a process down with them, cost themselves and nothing else."""

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from input_pipeline import workers
from input_pipeline.decoding import decode, dicom, jpeg
from input_pipeline.decoding.image_errors import MAX_BYTES, UnreadableImageError
from input_pipeline.prepare import prepare

FATAL, ENDLESS = b"takes the process down", b"takes for ever"
# Spawned processes import this first: a decoder with two faults, as no file of ours has them.
DECODER = f"""
import os, time, cv2
real = cv2.imdecode
def imdecode(content, flags):
    if {FATAL!r} in content.tobytes():
        os._exit(11)
    if {ENDLESS!r} in content.tobytes():
        time.sleep(600)
    return real(content, flags)
cv2.imdecode = imdecode
"""


def _with_comment(path, comment):
    """Put a text chunk into a PNG, before its end."""
    content = path.read_bytes()
    chunk = b"tEXt" + comment
    whole = struct.pack(">I", len(comment)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(content[:-12] + whole + content[-12:])


@pytest.mark.slow
def test_an_image_that_takes_its_process_down_is_rejected_by_name(
    cohort, raw_dir, tmp_path, monkeypatch
):
    (tmp_path / "sitecustomize.py").write_text(DECODER)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr(workers, "SECONDS_AN_IMAGE", 8)
    bad = {cohort.records["image_path"].iloc[row]: row for row in (3, 17)}
    for name, comment in zip(bad, (FATAL, ENDLESS), strict=True):
        _with_comment(raw_dir / name, comment)
    prepare(cohort, raw_dir, tmp_path / "out", size=32, workers=2, max_rejects=0.1)
    rejects = pd.read_csv(tmp_path / "out/rejects.csv").set_index("image_path")["reason"]
    assert rejects.to_dict() == dict(
        zip(
            bad,
            ("ends the process that decodes it", "takes more than 8 seconds to decode"),
            strict=True,
        )
    )
    kept = pd.read_parquet(tmp_path / "out/records.parquet")
    assert len(kept) == len(cohort.records) - 2


def test_a_sparse_file_of_gigabytes_is_not_even_read(tmp_path):
    with (tmp_path / "x.png").open("wb") as file:
        file.truncate(60 << 30)
    with pytest.raises(UnreadableImageError, match=f"more than {MAX_BYTES:,} bytes"):
        decode.read_file(tmp_path, "x.png")


def test_a_jpeg_of_thousands_of_scans_is_refused():
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    jpeg.check_jpeg(content)
    last = content.rindex(b"\xff\xda")
    many = content[:-2] + content[last:-2] * 2000 + content[-2:]
    with pytest.raises(UnreadableImageError, match="more than 64 scans"):
        jpeg.check_jpeg(many)


def _deflated(pixels: int) -> bytes:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "MONOCHROME2", 1
    dataset.Rows = dataset.Columns = 16
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = bytes(range(256)) if pixels == 256 else bytes(pixels)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def test_a_deflated_dicom_is_unpacked_no_further_than_an_image_may_be():
    levels, _ = dicom.stored(_deflated(256))
    assert levels.ravel().tolist() == list(range(256))
    bomb = _deflated(MAX_BYTES + 2**21)
    assert len(bomb) < 2**20
    with pytest.raises(UnreadableImageError, match="too large: more than"):
        dicom.stored(bomb)


def test_memory_is_limited_where_the_system_can():
    if not Path("/proc/self/statm").exists():
        pytest.skip("limits of address space work on Linux alone")
    program = (
        "import numpy as np\n"
        "from input_pipeline import workers\n"
        "workers._limit_memory()\n"
        "try:\n"
        "    np.ones(workers.BYTES_AN_IMAGE // 8 + 2**20)\n"
        "except MemoryError:\n"
        "    print('refused', end='')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("refused", "")
