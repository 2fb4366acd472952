"""What a DICOM's header says of whom and of what the image is, for a model to be used with care."""

from __future__ import annotations

import io
import re
import warnings
from datetime import datetime
from typing import TypedDict

from pydicom import Dataset, dcmread

from input_pipeline.decoding import dicom

# Digital and computed radiography, and what fluoroscopes and digitizers of films call theirs.
RADIOGRAPHY = ("CR", "DX", "DR", "RF", "RG", "XA")
CHEST = ("CHEST", "THORAX", "TORAX", "LUNG", "RIB")
_YEARS = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}
_LATERAL_VIEWS = ("LL", "RL", "LLO", "RLO", "LAT", "LATERAL", "L", "R")
_LATERAL_WORD = re.compile(r"(?<![a-z])(lat|lateral|profil|perfil)(?![a-z])", re.IGNORECASE)


class About(TypedDict):
    """Of one file: the reason for each, empty where it is not so or not said; `age` in years."""

    lateral: str
    not_chest: str
    age: float | None


def about(content: bytes) -> About:
    """Read what a header says; nothing at all of what is no DICOM, or of a damaged header."""
    if not dicom.is_dicom(content):
        return About(lateral="", not_chest="", age=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values outside the standard
        try:
            dataset = dcmread(io.BytesIO(content), stop_before_pixels=True)
            found = (_lateral(dataset), _not_chest(dataset), _age(dataset))
        except Exception:  # pydicom raises whatever it stumbles on; pixels tell if it can be used
            return About(lateral="", not_chest="", age=None)
    return About(lateral=found[0], not_chest=found[1], age=found[2])


def _lateral(dataset: Dataset) -> str:
    view = _code(dataset, "ViewPosition")
    if view in _LATERAL_VIEWS:
        return f"ViewPosition {view}"
    for item in dataset.get("ViewCodeSequence") or []:
        if _LATERAL_WORD.search(str(item.get("CodeMeaning", ""))):
            return "ViewCodeSequence"
    if view:  # another view, which words on a series of several images do not outweigh
        return ""
    for name in ("SeriesDescription", "ProtocolName"):  # free text, which is not repeated
        if _LATERAL_WORD.search(str(dataset.get(name) or "")):
            return name
    return ""


def _not_chest(dataset: Dataset) -> str:
    modality, part = _code(dataset, "Modality"), _code(dataset, "BodyPartExamined")
    if modality and modality not in RADIOGRAPHY:
        return f"Modality {modality}"
    if part and not any(word in part for word in CHEST):
        return f"BodyPartExamined {part}"
    return ""


def _age(dataset: Dataset) -> float | None:
    said = re.fullmatch(r"([0-9]{1,3})([DWMY])", _code(dataset, "PatientAge"))
    if said:
        return int(said[1]) / _YEARS[said[2]]
    born, seen = _day(dataset, "PatientBirthDate"), _day(dataset, "StudyDate")
    if born is None or seen is None or seen < born:
        return None
    return (seen - born).days / 365.25


def _day(dataset: Dataset, name: str) -> datetime | None:
    try:
        return datetime.strptime(str(dataset.get(name) or ""), "%Y%m%d")
    except ValueError:
        return None


def _code(dataset: Dataset, name: str) -> str:
    """A code word, as short as the standard has it and of its letters alone."""
    return re.sub(r"[^A-Z0-9 _]", "", str(dataset.get(name) or "").upper()).strip()[:16]
