"""One normal form of identifiers: what is one, what is none, and what a spreadsheet left of it."""

import unicodedata

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from input_pipeline.tables import ids
from jaxcxr.errors import InputError

SAME = [
    ("P001", "p001"),
    ("P001", "P1"),
    ("P001", " P 001 "),
    ("P001", "P001\u200b"),
    ("P001", "P\u00ad001"),
    ("P001", "\ufeffP001"),
    ("P001", "P\u00a0001"),
    ("P001", "\uff30\uff10\uff10\uff11"),  # full width
    ("P001", "P\ufe0f001"),
    ("12", "12.0"),
    ("12", "12,00"),
    ("12", "0012.0"),
    ("0007", "7"),
    ("straße 1", "STRASSE01"),
    ("A-007-01", "a-7-1"),
    ("A-007-01", "a\u2013007\u20111"),
    ("0012", "'12"),
    ("0012", '="12"'),
]
DIFFERENT = [
    ("P001", "P002"),
    ("10", "1"),
    ("100", "1"),
    ("1.0.10", "1.0.1"),
    ("1.2.840.0", "1.2.840"),  # a DICOM UID is no float
    ("1.5", "15"),
    ("00", "1"),
    ("A1", "B1"),
    ("1-2", "12"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_identifier_have_one_key(one, other):
    assert ids.key(one) == ids.key(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_other_identifiers_have_other_keys(one, other):
    assert ids.key(one) != ids.key(other)


@given(st.text(alphabet="0123456789abcABC.- ", max_size=12))
def test_a_key_is_its_own_key_under_case_blanks_and_form(text):
    found = ids.key(text)
    spelled = unicodedata.normalize("NFKD", f" {text.upper()}\u200b ")
    assert ids.key(spelled) == found
    assert found == found.lower() and " " not in found


def checked(cells, **options):
    return ids.check(pd.Series(cells, dtype="str"), "t.csv", "subject_id", **options).tolist()


@pytest.mark.parametrize(("one", "other"), [pair for pair in SAME if not ids.invisible(pair[1])])
def test_two_spellings_in_a_column_stop_with_their_rows(one, other):
    images = pd.Series(["a.png", "b.png", "c.png"])
    with pytest.raises(InputError) as refused:
        checked([one, "Q9", other], images=images)
    assert "rows 2 and 4 ('a.png' and 'c.png')" in str(refused.value)
    assert one.strip() not in str(refused.value).replace("a.png", "")  # no patient is named


@pytest.mark.parametrize(
    "eaten",
    [
        *("2.85E+35", "2.85e+35", "2,85E+35", "1E+15", "2.16840111366964e35", "02-Jan", "Jan-02"),
        *("#REF!", "#NAME?", "########", "839860488694292000000000000000000000"),
    ],
)
def test_what_a_spreadsheet_ate_is_refused(eaten):
    with pytest.raises(InputError, match=r"row 3, column subject_id: .* spreadsheet"):
        checked(["839860488694292331637988235681460987"[:15], eaten])


def test_a_long_number_that_ends_in_zeros_by_chance_stays():
    numbers = [f"8398604886942923316{n:04d}" for n in range(1, 50)] + ["83986048869429200000"]
    assert checked(numbers) == numbers
    assert checked(["12e45", "4e5", "0e0a"]) == ["12e45", "4e5", "0e0a"]  # hexadecimal


@pytest.mark.parametrize(
    "nothing",
    [
        *("", " ", "nan", "NaN", "None", "<NA>", "NULL", "n/a", "N/A", "NaT", "-", "?"),
        *("unknown", "Unbekannt", "anonymous", "#N/A", "missing"),
    ],
)
def test_a_word_for_nothing_is_not_a_patient(nothing):
    with pytest.raises(InputError, match="row 3, column subject_id"):
        checked(["P1", nothing])


@pytest.mark.parametrize("hidden", ["P1\u200b", "P\u202e1", "P\x001", "\u3164P1", "P1\ufeff"])
def test_an_invisible_character_is_refused(hidden):
    with pytest.raises(InputError, match="invisible character"):
        checked(["P2", hidden])


def test_floats_are_stored_as_the_whole_numbers_that_they_were():
    assert checked(["12.0", "7.0", "12.0"]) == ["12", "7", "12"]
    assert checked(["P1.0", "1.2.840.0", "007"]) == ["P1.0", "1.2.840.0", "007"]


def test_no_patient_is_named_where_each_is_only_its_image():
    images = pd.Series(["a", "b"])
    assert ids.named_patients(images, images).tolist() == ["", ""]
    assert ids.named_patients(pd.Series(["a", "p"]), images).tolist() == ["a", "p"]
    assert ids.units(pd.Series(["", "p"]), images).tolist() == ["a", "p"]
