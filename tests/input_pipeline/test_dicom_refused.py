"""DICOM files that are refused in words, or for one recipe only, and those that are not."""

import io
import re

import numpy as np
import pytest
from dicom_files import LEVELS, lut, padded, save
from pydicom import dcmread

from input_pipeline.decoding import dicom
from input_pipeline.decoding.image_errors import UnreadableImageError
from input_pipeline.decoding.recipes import RECIPES, faithful, paper

WINDOW = {"WindowCenter": "1000", "WindowWidth": "801"}
NEGATIVE = {"RescaleSlope": "-1", "RescaleIntercept": "4095"}
SIGNED = LEVELS.astype(np.int16) - 2048
SQUARES = np.arange(4096) ** 2 >> 9


def without_syntax():
    dataset = dcmread(io.BytesIO(save()))
    del dataset.file_meta.TransferSyntaxUID
    file = io.BytesIO()
    dataset.save_as(file, implicit_vr=False, little_endian=True, enforce_file_format=False)
    return file.getvalue()


def text_in(name, text):
    """A value that pydicom would not write: it stands in the place of a number as long."""
    number = "7" * len(text)
    given = {"RescaleSlope": "1", "RescaleIntercept": "0", "WindowCenter": "9", "WindowWidth": "9"}
    return save(**(given | {name: number})).replace(number.encode(), text.encode())


def changed(content, sequence, tag, kind, value):
    """A file with an element of another type than the standard's."""
    dataset = dcmread(io.BytesIO(content))
    inside = dataset[sequence].value[0] if sequence else dataset
    if tag in inside:
        del inside[tag]
    inside.add_new(tag, kind, value)
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


def modality(item, **elements):
    item.ModalityLUTType = "US"
    return save(ModalityLUTSequence=[item], **elements)


def described(descriptor, table=SQUARES):
    item = lut(table, 0)
    item.LUTDescriptor = descriptor
    return item


def empty_lut():
    item = lut(SQUARES, 0)
    del item.LUTData
    return item


NO_RADIOGRAPH = {
    "no TransferSyntaxUID": without_syntax(),
    "without its preamble": save()[132:],
    "without its preamble ": save()[132 + 12 + int.from_bytes(save()[140:144], "little") :],
    "RescaleSlope without RescaleIntercept": save(RescaleSlope="2", RescaleIntercept=""),
    "RescaleSlope without RescaleIntercept, ": save(RescaleSlope="2"),
    "RescaleIntercept without RescaleSlope": save(RescaleSlope="", RescaleIntercept="1"),
    "RescaleSlope has 2 values": save(RescaleSlope=["1", "2"], RescaleIntercept="1"),
    "RescaleSlope is no number": text_in("RescaleSlope", "one and a half"),
    "RescaleIntercept is no number": text_in("RescaleIntercept", "infinity"),
    "both a modality LUT and a rescale": modality(lut(SQUARES, 0), **NEGATIVE),
    "several modality LUTs": save(ModalityLUTSequence=[lut(SQUARES, 0)] * 2),
    "hold the 100 entries": modality(described([100, 0, 16])),
    "4096 entries of 6 bits": modality(described([4096, 0, 6])),
    "4096 entries of 8 bits": modality(described([4096, 0, 8])),
    "descriptor of 3 numbers": modality(described([4096, 0])),
    "ModalityLUTSequence without a LUT": modality(empty_lut()),
    "VOILUTSequence without a LUT": save(VOILUTSequence=[empty_lut()]),
    "LUT that does not hold": changed(
        save(VOILUTSequence=[lut([1, 2], 0)]), "VOILUTSequence", 0x00283006, "LO", "abc"
    ),
    "Rows is no whole number": changed(save(), None, 0x00280010, "LO", "sixty"),
    "PixelPaddingValue is no number": changed(save(), None, 0x00280120, "LO", "none"),
    "no BitsStored": save(BitsStored=None),
    "no HighBit": save(HighBit=None),
    "no PixelRepresentation": save(PixelRepresentation=None),
    "no Rows": save(Rows=None),
    "Rows has 2 values": save(Rows=[60, 60]),
    "13 stored bits up to bit 11": save(BitsStored=13),
    "17 stored bits up to bit 16": save(BitsStored=17, HighBit=16),
    "0 stored bits": save(BitsStored=0, HighBit=0),
    "up to bit 11 of 12 allocated": save(BitsAllocated=12),
    "PixelRepresentation 2 is neither": save(PixelRepresentation=2),
    "5,760 bytes of pixels are not 59 x 48": save(Rows=59),
    "5,760 bytes of pixels are not 60 x 49": save(Columns=49),
    "11,520 bytes of pixels are not 60 x 48": save(np.concatenate([LEVELS] * 2), Rows=60),
    "0 frames instead of one": save(NumberOfFrames="0"),
    "PixelPaddingRangeLimit without": save(PixelPaddingRangeLimit=4095),
    "every pixel is padding": save(PixelPaddingValue=0, PixelPaddingRangeLimit=4095),
    "contradicts presentation LUT shape LIN OD": save(PresentationLUTShape="LIN OD"),
    "MONOCHROME1 contradicts": save(
        PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="IDENTITY"
    ),
    "SharedFunctionalGroupsSequence says": save(SharedFunctionalGroupsSequence=[lut([1], 0)]),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("reason", NO_RADIOGRAPH)
def test_what_the_standard_forbids_is_refused_in_words(recipe, reason):
    with pytest.raises(UnreadableImageError, match=re.escape(f"{reason.rstrip()}")) as error:
        recipe(NO_RADIOGRAPH[reason], 32)
    assert str(error.value).startswith("DICOM: ")


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"WindowCenter": "9", "WindowWidth": "0.5"}, "WindowWidth 0.5 is too small for LINEAR"),
        ({"WindowCenter": "9", "WindowWidth": "-400"}, "WindowWidth -400 is too small"),
        ({"WindowCenter": "9"}, "1 values of WindowCenter for 0 of WindowWidth"),
        ({"WindowCenter": ["9", "8"], "WindowWidth": "9"}, "2 values of WindowCenter for 1"),
        ({**WINDOW, "VOILUTFunction": "CUBIC"}, "its VOILUTFunction is none of the standard's"),
        ({**WINDOW, "VOILUTFunction": ["LINEAR", "SIGMOID"]}, "VOILUTFunction has 2 values"),
        (
            {"WindowCenter": "9", "WindowWidth": "0", "VOILUTFunction": "SIGMOID"},
            "WindowWidth 0 is too small for SIGMOID",
        ),
    ],
)
def test_a_window_that_is_none_matters_only_where_windows_do(elements, reason):
    content = save(**elements)
    with pytest.raises(UnreadableImageError, match=re.escape(reason)):
        faithful(content, 32)
    np.testing.assert_array_equal(paper(content, 32), paper(save(), 32))


def test_levels_that_melt_together_far_from_zero_are_refused():
    with pytest.raises(UnreadableImageError, match="differ too little for how far they are from 0"):
        faithful(save(RescaleSlope="0.0001", RescaleIntercept="10000"), 32)
    far = save(RescaleSlope="1", RescaleIntercept="10000")
    np.testing.assert_array_equal(faithful(far, 32), faithful(save(), 32))


def test_a_few_bytes_behind_the_pixels_do_no_harm():
    content = save(PixelData=LEVELS.tobytes() + bytes(10))
    np.testing.assert_array_equal(dicom.stored(content)[0], LEVELS)


def test_whatever_goes_wrong_inside_is_a_reason(monkeypatch):
    def stumble(*arguments):
        raise IndexError("list index out of range")

    monkeypatch.setattr(dicom, "stored_levels", stumble)
    for recipe in RECIPES.values():
        with pytest.raises(UnreadableImageError, match="damaged, or not as the standard has it"):
            recipe(save(), 32)


def test_an_empty_window_is_none():
    content = save(WindowCenter="", WindowWidth="", VOILUTFunction="", RescaleSlope="")
    np.testing.assert_array_equal(faithful(content, 32), faithful(save(), 32))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (save(**NEGATIVE), "shows high levels dark"),
        (save(VOILUTSequence=[lut(SQUARES[::-1], 0)]), "shows high levels dark"),
        (modality(lut(SQUARES[::-1], 0)), "shows high levels dark"),
        (padded(4095, PixelPaddingValue=4095), "padding is brighter than the picture"),
        (padded(1500, PixelPaddingValue=1500), "padding is brighter than the picture"),
        (
            padded(0, PixelPaddingValue=0, PhotometricInterpretation="MONOCHROME1"),
            "padding is brighter than the picture",
        ),
    ],
)
def test_stored_levels_are_refused_where_they_are_another_picture(content, reason):
    """The study's recipe reads no rescale, window or padding; it must not make a wrong image."""
    with pytest.raises(UnreadableImageError, match=f"{reason}.*use the recipe faithful"):
        paper(content, 32)
    assert faithful(content, 32).std() > 0


def test_stored_levels_are_as_the_study_had_them_where_only_contrast_differs():
    plain = paper(save(), 32)
    for elements in (WINDOW, {"RescaleSlope": "3", "RescaleIntercept": "-9"}):
        np.testing.assert_array_equal(paper(save(**elements), 32), plain)
    dark = padded(0, PixelPaddingValue=0)
    np.testing.assert_array_equal(paper(dark, 32), paper(padded(0), 32))


ANY_VALUE = ("", "0", "-1", "1.5", "9" * 12, ["1", "2"], ["", "1"], "1e400", "NaN")
ELEMENTS = (
    *("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "NumberOfFrames"),
    *("PixelAspectRatio", "VOILUTFunction", "PresentationLUTShape", "PhotometricInterpretation"),
)
INTERNAL = r"object|Type|attribute|operand|subscript|index|literal|convert|None|Traceback|\("


@pytest.mark.filterwarnings("ignore")  # pydicom's, of the values that are written here
@pytest.mark.parametrize("name", ELEMENTS)
@pytest.mark.parametrize("value", ANY_VALUE, ids=str)
def test_no_value_ends_in_an_internal_message(name, value):
    given = {"RescaleSlope": "1", "RescaleIntercept": "0", **WINDOW}
    try:
        content = save(**(given | {name: value}))
    except (ValueError, TypeError, OverflowError):
        pytest.skip("pydicom does not write it")
    for recipe in RECIPES.values():
        try:
            image = recipe(content, 32)
        except UnreadableImageError as error:
            text = str(error).replace("(truncated, or not an image)", "")
            assert not re.search(INTERNAL, text), error
        else:
            assert image.std() > 0
