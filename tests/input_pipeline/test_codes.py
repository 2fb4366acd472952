"""Closed vocabularies: every word means what it says in its language, or stops everything."""

import numpy as np
import pandas as pd
import pytest

from input_pipeline.tables import codes
from jaxcxr.errors import InputError


def sexes(*words):
    return codes.sexes(pd.Series(words, dtype="str"), "t.csv", "sex").tolist()


@pytest.mark.parametrize(
    ("women", "men"),
    [
        (("F", "f", "Female", "FEMALE ", "Woman", "women"), ("M", "m", "Male", "Man", "men")),
        (("W", "w", "weiblich", "Frau"), ("männlich", "maennlich", "Mann")),
        (("Femme", "féminin"), ("Homme", "masculin")),
        (("Mujer", "femenino", "Femenina"), ("Hombre", "Varón", "masculino")),
        (("mulher", "feminino"), ("homem",)),
        (("Donna", "femmina"), ("Uomo", "maschio")),
        (("vrouw",), ("mannelijk",)),
        (("kvinna", "kobieta"), ("mężczyzna", "mand")),
    ],
)
def test_sexes_in_words(women, men):
    assert sexes(*women) == ["F"] * len(women)
    assert sexes(*men) == ["M"] * len(men)


def test_a_sex_that_is_told_to_be_unknown_is_unknown():
    assert sexes("", "Unknown", "O", "nan", "U", "divers", "<NA>") == [""] * 7


@pytest.mark.parametrize("word", ["h", "V", "K", "1", "2", "0", "Mr", "Female?", "F?", "Fm", "Mum"])
def test_a_sex_of_no_vocabulary_is_refused(word):
    with pytest.raises(InputError, match=r"row 3, column sex: .* where F, M or blank is expected"):
        sexes("F", word)


def test_ages_in_years_and_with_units():
    cells = pd.Series(["58", "058Y", "006M", "014D", "010W", "45.5", "", "NaN", "0"], dtype="str")
    found = codes.ages(cells, "t.csv", "age")
    expected = [58, 58, 0.5, 14 / 365.25, 70 / 365.25, 45.5, np.nan, np.nan, 0]
    np.testing.assert_allclose(found.years, expected)
    assert found.implausible == 0 and found.note == ""


def test_ages_of_no_human_are_unknown_and_counted():
    found = codes.ages(pd.Series(["999", "-1", "413", "50"], dtype="str"), "t.csv", "age")
    assert found.years.isna().tolist() == [True, True, True, False]
    assert found.implausible == 3 and found.note.startswith("3 ages outside 0 to 120")


def test_a_decimal_comma_is_read_and_parted_thousands_are_not():
    # `45,5` was refused until tables with decimal commas, as German Excel writes them, were read.
    found = codes.ages(pd.Series(["45,5", "7,25y", "45.5"], dtype="str"), "t.csv", "age")
    assert found.years.tolist() == [45.5, 7.25, 45.5]


@pytest.mark.parametrize("age", ["old", "45,500", "12Q", "1e2", "5-10", ">89"])
def test_an_age_that_is_none_is_refused(age):
    with pytest.raises(InputError, match=r"row 2, column age: .* where an age in years"):
        codes.ages(pd.Series([age]), "t.csv", "age")


def test_views_have_one_spelling():
    cells = pd.Series(["pa", "PA ", "P.A.", "ap_Horizontal", "posteroanterior", "oblique"])
    assert codes.views(cells).tolist() == ["PA", "PA", "PA", "AP_horizontal", "PA", "oblique"]
