"""DICOM headers that say something else than most: honoured as the standard has it, or refused.

Every value is worked out here from the formulas of PS3.3, C.7.6.3, C.11.1 and C.11.2; where dcmtk
is installed, its `dcm2pnm` reads the same files, as an independent opinion.
"""

import io
import shutil
import subprocess

import cv2
import numpy as np
import pytest
from dicom_files import LEVELS, lut, padded, save
from pydicom import dcmread
from pydicom.uid import (
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from input_pipeline.decoding import dicom
from input_pipeline.decoding.recipes import faithful

WINDOW = {"WindowCenter": "1000", "WindowWidth": "801"}
NEGATIVE = {"RescaleSlope": "-1", "RescaleIntercept": "4095"}
SIGNED = LEVELS.astype(np.int16) - 2048
OVERLAY = np.where(np.arange(48) % 7 == 0, 0x8000, 0).astype(np.uint16)
BYTES = (LEVELS >> 4).astype(np.uint8)
SQUARES = np.arange(4096) ** 2 >> 9


def linear(levels, center=1000, width=801):
    return ((levels - (center - 0.5)) / (width - 1) + 0.5).clip(0, 1)


def looked_up(levels, table, first=0):
    return table[(levels.astype(int) - first).clip(0, len(table) - 1)]


# Name: the file, what a screen shows up to a linear map, and what dcm2pnm must be told.
SHOWN = {
    "negative slope": (save(**NEGATIVE), 4095.0 - LEVELS, ()),
    "negative slope, window": (save(**NEGATIVE, **WINDOW), linear(4095.0 - LEVELS), ("+Wi", "1")),
    "negative slope, white zero": (
        save(
            PhotometricInterpretation="MONOCHROME1",
            **{"RescaleSlope": "-2.5", "RescaleIntercept": "400"},
            **{"WindowCenter": "-2000", "WindowWidth": "3001"},
        ),
        1 - linear(400 - 2.5 * LEVELS, -2000, 3001),
        ("+Wi", "1"),
    ),
    "window after a slope": (
        save(RescaleSlope="2", RescaleIntercept="-100", WindowCenter="200", WindowWidth="301"),
        linear(LEVELS * 2.0 - 100, 200, 301),
        ("+Wi", "1"),
    ),
    "window of width 1": (
        save(WindowCenter="1000", WindowWidth="1"),
        (LEVELS > 999.5).astype(float),
        ("+Wi", "1"),
    ),
    "sigmoid": (
        save(VOILUTFunction="SIGMOID", **WINDOW),
        1 / (1 + np.exp(-4 * (LEVELS - 1000.0) / 801)),
        ("+Wi", "1"),
    ),
    # dcm2pnm 3.6.7 takes LINEAR_EXACT for LINEAR.
    "exactly linear": (
        save(VOILUTFunction="LINEAR_EXACT", **WINDOW),
        ((LEVELS - 1000.0) / 801 + 0.5).clip(0, 1),
        None,
    ),
    "the first of two windows": (
        save(WindowCenter=["1000", "3000"], WindowWidth=["801", "10"]),
        linear(LEVELS.astype(float)),
        ("+Wi", "1"),
    ),
    "VOI LUT before window": (
        save(VOILUTSequence=[lut(SQUARES, 0)], **WINDOW),
        looked_up(LEVELS, SQUARES),
        ("+Wl", "1"),
    ),
    "falling VOI LUT": (
        save(VOILUTSequence=[lut(SQUARES[::-1], 0)]),
        looked_up(LEVELS, SQUARES[::-1]),
        ("+Wl", "1"),
    ),
    "short VOI LUT": (
        save(VOILUTSequence=[lut(SQUARES[:100], 500)]),
        looked_up(LEVELS, SQUARES[:100], 500),
        ("+Wl", "1"),
    ),
    "VOI LUT from a negative level": (
        save(SIGNED, VOILUTSequence=[lut(SQUARES[:2000], -1000 & 0xFFFF)]),
        looked_up(SIGNED, SQUARES[:2000], -1000),
        ("+Wl", "1"),
    ),
    "VOI LUT after a negative rescale": (
        save(
            RescaleSlope="1",
            RescaleIntercept="-2048",
            VOILUTSequence=[lut(SQUARES[:2000], -1000 & 0xFFFF)],
        ),
        looked_up(LEVELS.astype(int) - 2048, SQUARES[:2000], -1000),
        None,  # dcm2pnm goes by the type of the element, which this file has as unsigned
    ),
    "overlay bits": (save(LEVELS | OVERLAY), LEVELS, ()),
    "overlay bits, run lengths": (save(LEVELS | OVERLAY, RLELossless), LEVELS, ()),
    "high bit 15 of 12": (save(LEVELS << 4 | 5, HighBit=15), LEVELS, ()),
    "high bit 13 of 12": (save(LEVELS << 2 | 0x8003, HighBit=13), LEVELS, ()),
    "signed": (save(SIGNED), SIGNED, ()),
    "signed, sign bit alone": (
        save((SIGNED.astype(np.uint16) & 0xFFF) | OVERLAY, PixelRepresentation=1),
        SIGNED,
        (),
    ),
    "7 of 8 bits": (save(BYTES, BitsStored=7, HighBit=6), BYTES & 127, ()),
    "big endian": (save(syntax=ExplicitVRBigEndian, **WINDOW), linear(LEVELS * 1.0), ("+Wi", "1")),
    # Bytes in words of 16 bits, whose halves are swapped there (PS3.5, 8.1.2).
    "big endian bytes": (
        save(BYTES, ExplicitVRBigEndian),
        BYTES.reshape(60, 24, 2)[..., ::-1].reshape(60, 48),
        (),
    ),
    "implicit": (save(SIGNED, ImplicitVRLittleEndian, **NEGATIVE), 4095.0 - SIGNED, ()),
    "pixels not square": (save(PixelAspectRatio=["2", "1"]), LEVELS, ()),
}


def stretched(levels):
    return (levels - levels.min()) / np.ptp(levels.astype(float))


@pytest.mark.parametrize("name", SHOWN)
def test_a_file_is_shown_by_the_standards_formula(name):
    content, wanted, _ = SHOWN[name]
    np.testing.assert_allclose(stretched(dicom.shown(content)), stretched(wanted), atol=2e-6)


@pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="no dcmtk: apt-get install dcmtk")
@pytest.mark.parametrize("name", [name for name, case in SHOWN.items() if case[2] is not None])
def test_dcmtk_shows_the_same(name, tmp_path):
    content, _, options = SHOWN[name]
    (tmp_path / "a.dcm").write_bytes(content)
    command = ["dcm2pnm", "-O", "+on2", *options, tmp_path / "a.dcm", tmp_path / "a.png"]
    subprocess.run(command, check=True, capture_output=True)
    theirs = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED).astype(float)
    np.testing.assert_allclose(stretched(dicom.shown(content)), stretched(theirs), atol=3e-4)


@pytest.mark.data
@pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="no dcmtk: apt-get install dcmtk")
@pytest.mark.parametrize(
    ("name", "options"),
    [("pattern_modality_lut", ()), ("pattern_voi_lut_sequence", ("+Wl", "1"))],
)
def test_dcmtk_shows_other_peoples_luts_alike(shared_data, tmp_path, name, options):
    file = shared_data / "dicom" / f"{name}.dcm"
    command = ["dcm2pnm", "+on2", *options, file, tmp_path / "a.png"]
    subprocess.run(command, check=True, capture_output=True)
    theirs = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED).astype(float)
    ours = stretched(dicom.shown(file.read_bytes()))
    np.testing.assert_allclose(ours, stretched(theirs), atol=3e-4)


@pytest.mark.parametrize("signed", [False, True])
def test_overlay_bits_in_jpeg_2000_are_no_levels(signed):
    levels = SIGNED if signed else LEVELS
    raw = (levels.astype(np.uint16) & 0xFFF) | OVERLAY
    whole = save(raw, JPEG2000Lossless, BitsStored=16, HighBit=15)
    dataset = dcmread(io.BytesIO(whole))
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 11, int(signed)
    file = io.BytesIO()
    dataset.save_as(file)
    np.testing.assert_array_equal(dicom.stored(file.getvalue())[0], levels)
    np.testing.assert_array_equal(dicom.shown(file.getvalue()), levels)


@pytest.mark.parametrize("meaning", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("value", "elements"),
    [
        (4095, {"PixelPaddingValue": 4095}),
        (0, {"PixelPaddingValue": 0}),
        (1500, {"PixelPaddingValue": 1500}),
        (4000, {"PixelPaddingValue": 3990, "PixelPaddingRangeLimit": 4095}),
        (4000, {"PixelPaddingValue": 4095, "PixelPaddingRangeLimit": 3990}),
        (4095, {"PixelPaddingValue": 4095, "RescaleSlope": "-2", "RescaleIntercept": "5"}),
        (4095, {"PixelPaddingValue": 4095, "WindowCenter": "1500", "WindowWidth": "900"}),
    ],
)
def test_padding_takes_no_part_of_the_range(meaning, value, elements):
    pixels = LEVELS // 4 + 1000
    background = np.zeros(pixels.shape, bool)
    background[:, :12] = True
    if value == 1500:
        background |= pixels == 1500
    shown = dicom.shown(padded(value, PhotometricInterpretation=meaning, **elements))
    without = {name: v for name, v in elements.items() if "Padding" not in name}
    alone = dicom.shown(save(pixels, PhotometricInterpretation=meaning, **without))
    np.testing.assert_array_equal(shown[~background], alone[~background])
    assert (shown[background] == alone[~background].min()).all()
    # Equalized, the picture spans black to white, beside black.
    image = faithful(padded(value, PhotometricInterpretation=meaning, **elements), 48)
    assert image[:, :11].max() == 0
    assert image[:, 12:].max() == 255


@pytest.mark.parametrize("value", [-2000, -2000 & 0xFFFF])
def test_padding_of_signed_pixels_whatever_its_own_sign(value):
    pixels = SIGNED // 8
    pixels[:, :12] = -2000
    dataset = dcmread(io.BytesIO(save(pixels)))
    dataset.add_new("PixelPaddingValue", "US" if value > 0 else "SS", value)
    file = io.BytesIO()
    dataset.save_as(file)
    assert dicom.shown(file.getvalue()).min() == pixels[:, 12:].min()
