"""DICOM: transfer syntaxes, LUTs and windows against arithmetic; surprises refused by name."""

import io
import re

import numpy as np
import pytest
from dicom_files import LEVELS, lut, save
from pydicom import dcmread
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from input_pipeline.decoding import dicom
from input_pipeline.decoding.decode import UnreadableImageError
from input_pipeline.decoding.recipes import RECIPES, faithful, paper


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        RLELossless,
        JPEG2000Lossless,
    ],
)
def test_every_lossless_syntax_gives_the_stored_levels(syntax):
    levels, inverted = dicom.stored(save(syntax=syntax))
    np.testing.assert_array_equal(levels, LEVELS)
    assert not inverted
    np.testing.assert_array_equal(dicom.shown(save(syntax=syntax)), LEVELS)


def test_signed_and_8_bit_pixels():
    signed = LEVELS.astype(np.int16) - 2048
    np.testing.assert_array_equal(dicom.stored(save(signed))[0], signed)
    short = (LEVELS >> 4).astype(np.uint8)
    np.testing.assert_array_equal(dicom.stored(save(short))[0], short)


def test_rescale_counts_when_shown_and_not_as_stored():
    content = save(RescaleSlope="2.5", RescaleIntercept="-1000")
    np.testing.assert_array_equal(dicom.stored(content)[0], LEVELS)
    np.testing.assert_allclose(dicom.shown(content), LEVELS * 2.5 - 1000)


def test_a_window_clips_by_the_standards_formula():
    """PS3.3, C.11.2.1.2.1: below c - 0.5 - (w-1)/2 the least, above c - 0.5 + (w-1)/2 the most."""
    content = save(WindowCenter=["1000", "3000"], WindowWidth=["801", "10"])
    shown = dicom.shown(content)
    wanted = ((LEVELS - 999.5) / 800 + 0.5).clip(0, 1) * 4095
    np.testing.assert_allclose(shown, wanted, atol=1e-3)
    exact = dicom.shown(save(WindowCenter="1000", WindowWidth="800", VOILUTFunction="LINEAR_EXACT"))
    np.testing.assert_allclose(exact, ((LEVELS - 1000.0) / 800 + 0.5).clip(0, 1) * 4095, atol=1e-3)
    sigmoid = dicom.shown(save(WindowCenter="1000", WindowWidth="800", VOILUTFunction="SIGMOID"))
    wanted = 4095 / (1 + np.exp(-4 * (LEVELS - 1000.0) / 800))
    np.testing.assert_allclose(sigmoid, wanted, atol=1e-2)


def test_a_voi_lut_goes_before_a_window():
    table = np.arange(4096)[::-1] * 7
    content = save(VOILUTSequence=[lut(table, 0)], WindowCenter="1", WindowWidth="2")
    np.testing.assert_array_equal(dicom.shown(content), table[LEVELS])


def test_a_modality_lut_is_applied():
    table = (np.arange(4096) ** 2) >> 9
    content = save(ModalityLUTSequence=[lut(table, 0)])
    content_dataset = dcmread(io.BytesIO(content))
    content_dataset.ModalityLUTSequence[0].ModalityLUTType = "US"
    file = io.BytesIO()
    content_dataset.save_as(file)
    np.testing.assert_array_equal(dicom.shown(file.getvalue()), table[LEVELS])


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_monochrome1_is_the_negative(recipe):
    bright = save()
    dark = save(4095 - LEVELS, PhotometricInterpretation="MONOCHROME1")
    assert dicom.stored(dark)[1]
    np.testing.assert_allclose(recipe(dark, 32), recipe(bright, 32), atol=1)
    shown = dicom.shown(save(PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(shown, -LEVELS.astype(np.float32))


@pytest.mark.data
def test_real_header_monochrome1_comes_out_inverted(shared_data):
    two, one = (
        (shared_data / "dicom" / f"chest_pa_{name}_jpeg_8bit.dcm").read_bytes()
        for name in ("monochrome2", "header_monochrome1")
    )
    for recipe in (paper, faithful):
        sum_of_both = recipe(two, 224).astype(int) + recipe(one, 224)
        # Equalization rounds each level up to its share, from either end.
        assert np.abs(sum_of_both - 255).mean() < 4


def frames(count):
    return save(np.concatenate([LEVELS] * count), Rows=60, NumberOfFrames=str(count))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (save(PhotometricInterpretation="RGB"), "photometric interpretation RGB"),
        (save(PhotometricInterpretation="PALETTE COLOR"), "interpretation PALETTE COLOR"),
        (save(PhotometricInterpretation="YBR_FULL_422"), "interpretation YBR_FULL_422"),
        (save(PhotometricInterpretation="MONOCHROME"), "interpretation MONOCHROME is no"),
        (save(PhotometricInterpretation=None), "no PhotometricInterpretation"),
        (save(PresentationLUTShape="INVERSE"), "MONOCHROME2 contradicts"),
        (frames(2), "2 frames instead of one"),
        (save(PixelData=None), "no PixelData"),
        (save(PixelData=b""), "no PixelData"),
        (save(Rows=60_000, Columns=60_000), "too large: 60000 x 60000"),
        (save(Rows=0), "no pixels"),
        (save(Rows=61), "DICOM: "),
        (save(SamplesPerPixel=3), "is no radiograph"),
        (save(BitsAllocated=12), "DICOM: "),
        (bytes(128) + b"DICM", "DICOM: "),
        (bytes(128) + b"DICM" + b"\xff" * 400, "DICOM: "),
        (save(np.full((60, 48), 9, np.uint16)), "constant image"),
    ],
)
def test_surprises_are_refused_by_name(recipe, content, reason):
    with pytest.raises(UnreadableImageError, match=re.escape(reason)):
        recipe(content, 32)


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"WindowCenter": "100", "WindowWidth": "0"}, "DICOM: "),
        ({"WindowCenter": "100", "WindowWidth": "9", "VOILUTFunction": "CUBIC"}, "DICOM: "),
        ({"WindowCenter": "-9000", "WindowWidth": "9"}, "constant image"),
        ({"RescaleSlope": "0", "RescaleIntercept": "0"}, "constant image"),
    ],
)
def test_a_window_that_shows_nothing_is_refused(elements, reason):
    with pytest.raises(UnreadableImageError, match=reason):
        faithful(save(**elements), 32)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless])
def test_a_file_truncated_anywhere_is_refused(syntax):
    content = save(syntax=syntax)
    whole = dicom.stored(content)[0]
    for end in range(0, len(content) - 40, 31):
        with pytest.raises(UnreadableImageError):
            paper(content[:end], 32)
    for end in range(len(content) - 40, len(content)):
        try:
            np.testing.assert_array_equal(dicom.stored(content[:end])[0], whole)
        except UnreadableImageError:
            continue


def test_a_codestream_of_another_size_is_refused_before_decoding():
    content = bytearray(save(syntax=JPEG2000Lossless))
    place = content.index(dicom.CODESTREAM) + 8
    content[place : place + 8] = (50_000).to_bytes(4, "big") * 2
    with pytest.raises(UnreadableImageError, match="not of the size in its header"):
        paper(bytes(content), 32)


def test_a_missing_decoder_is_named():
    dataset = dcmread(io.BytesIO(save(syntax=RLELossless)))
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.80")
    file = io.BytesIO()
    dataset.save_as(file)
    with pytest.raises(UnreadableImageError, match="no decoder is installed for JPEG-LS Lossless"):
        paper(file.getvalue(), 32)
