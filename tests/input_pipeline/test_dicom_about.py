"""What headers say, in the codes of the standard (PS3.3) and in the words that scanners write."""

import io
import warnings

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from input_pipeline.decoding.dicom_about import about
from jaxcxr.use.flags import Trained, flags_of

KNOWN = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1", "SOPInstanceUID": "1.2.3"}
ADULTS = Trained(youngest=21.0, lateral=False)


def _file(**elements):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of values that scanners write all the same
        for name, value in (KNOWN | elements).items():
            setattr(dataset, name, value)
        content = io.BytesIO()
        dataset.save_as(content, enforce_file_format=True)
    return content.getvalue()


def _view(meaning):
    item = Dataset()
    item.CodeMeaning = meaning
    return [item]


@pytest.mark.parametrize(
    ("elements", "flag"),
    [
        ({"ViewPosition": "LL"}, "lateral by its header (ViewPosition LL); the training had none"),
        ({"ViewCodeSequence": _view("left lateral")}, "lateral by its header (ViewCodeSequence)"),
        ({"SeriesDescription": "Chest LAT."}, "lateral by its header (SeriesDescription)"),
        ({"PatientAge": "007Y"}, "a child by its header (7 years); the youngest of the training"),
        ({"PatientAge": "018M"}, "a child by its header (1.5 years)"),
        ({"PatientBirthDate": "20100101", "StudyDate": "20150101"}, "a child by its header (5 y"),
        ({"Modality": "CT"}, "not a chest radiograph by its header (Modality CT)"),
        ({"BodyPartExamined": "HAND"}, "not a chest radiograph by its header (BodyPartExamined"),
    ],
)
def test_what_is_foreign_is_flagged_with_its_reason(elements, flag):
    flags = flags_of(about(_file(**elements)), ADULTS)
    assert len(flags) == 1
    assert flags[0].startswith(flag)


@pytest.mark.parametrize(
    "elements",
    [
        {"ViewPosition": "PA", "Modality": "DX", "BodyPartExamined": "CHEST", "PatientAge": "021Y"},
        {"ViewPosition": "AP", "SeriesDescription": "PA and LAT"},
        {"SeriesDescription": "plate 3, translation"},
        {"Modality": "CR", "BodyPartExamined": "THORAX"},
        {"PatientAge": "unknown"},
    ],
)
def test_what_is_not_is_not(elements):
    assert flags_of(about(_file(**elements)), ADULTS) == []


def test_a_training_that_had_them_is_not_warned_of():
    both = Trained(youngest=5.0, lateral=True)
    content = _file(ViewPosition="LL", PatientAge="007Y")
    assert flags_of(about(content), both) == []
    unknown = flags_of(about(content), Trained(youngest=None, lateral=None))
    assert all("nothing is known" in flag for flag in unknown) and len(unknown) == 2


def test_what_is_no_dicom_or_damaged_says_nothing():
    content = _file(PatientAge="007Y")
    for damaged in (b"", b"\x89PNG", content[:140], b"\0" * 128 + b"DICM" + b"\xff" * 50):
        assert about(damaged) == {"lateral": "", "not_chest": "", "age": None}


def test_codes_are_not_repeated_beyond_letters_and_digits():
    told = about(_file(BodyPartExamined="<B>HA\x1bND"))["not_chest"]
    assert told == "BodyPartExamined BHAND"
