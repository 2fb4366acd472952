"""Closed vocabularies of codes: sex, age, view and split, one table for releases and predictions.

A word that no table holds is refused, never guessed from its first letter: `Woman` begins with the
letter that some German tables use for women, and `Mujer` with that for men.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

import numpy as np
import pandas as pd

from input_pipeline.tables import ids
from jaxcxr.errors import InputError

OLDEST = 120  # years; above it the field is a typing error (the first NIH table holds 413)

# `h`, `k`, `v` and the numbers mean one sex in one country's tables and the other, or nothing, in
# another's; they are not here.
_SEX_WORDS = {
    "F": {
        "letters": "f w",
        "en": "female woman women girl",
        "de": "weiblich frau",
        "fr": "femme feminin feminine",
        "es, pt": "mujer mulher femenino feminino femenina feminina",
        "it": "femmina femminile donna",
        "nl": "vrouw vrouwelijk",
        "sv, da, no": "kvinna kvinde kvinne",
        "pl": "kobieta",
    },
    "M": {
        "letters": "m",
        "en": "male man men boy",
        "de": "mannlich maennlich mann",
        "fr": "homme masculin",
        "es, pt": "hombre homem varon masculino masculina",
        "it": "maschio maschile uomo",
        "nl": "mannelijk",
        "sv, da, no": "mand",
        "pl": "mezczyzna",
    },
    "": {
        "letters": "u o x d",
        "en": "unknown other unspecified undifferentiated indeterminate intersex",
        "de": "unbekannt divers",
        "fr": "inconnu autre",
        "es, pt": "desconocido desconhecido otro outro",
    },
}
SEXES = {
    word: sex
    for sex, languages in _SEX_WORDS.items()
    for words in languages.values()
    for word in words.split()
}
VIEWS = {
    "pa": "PA",
    "posteroanterior": "PA",
    "posterioranterior": "PA",
    "ap": "AP",
    "anteroposterior": "AP",
    "anteriorposterior": "AP",
    "aphorizontal": "AP_horizontal",
    "frontal": "Frontal",
    "lateral": "LATERAL",
    "l": "L",
    "ll": "LL",
    "rl": "RL",
    "costal": "COSTAL",
    "exclude": "EXCLUDE",
    "unk": "UNK",
    **{
        re.sub("[^a-z]", "", name.lower()): name
        for name in (
            *("PA LLD", "PA RLD", "AP LLD", "AP RLD", "AP AXIAL", "XTABLE LATERAL", "SWIMMERS"),
            *("LAO", "RAO", "LPO", "RPO"),
        )
    },
}
SPLITS = {"train": "train", "validation": "validation", "test": "test"}
SPLIT_WORDS = SPLITS | {
    **dict.fromkeys(("training",), "train"),
    **dict.fromkeys(("valid", "val", "validate", "dev"), "validation"),
    **dict.fromkeys(("testing",), "test"),
}
_AGE_UNITS = {"": 1.0, "y": 1.0, "years": 1.0, "m": 1 / 12, "w": 7 / 365.25, "d": 1 / 365.25}
# A decimal comma has one or two digits after it; with three it may part thousands.
_AGE = re.compile(r"([+-]?[0-9]+(?:\.[0-9]*|,[0-9]{1,2})?)(y|years|m|w|d|)")


class Ages(NamedTuple):
    """Ages in years, NaN unknown, and how many cells held no human's age."""

    years: pd.Series
    implausible: int

    @property
    def note(self) -> str:
        """Say what was taken for unknown; empty if nothing was."""
        if not self.implausible:
            return ""
        return f"{self.implausible:,} ages outside 0 to {OLDEST} years are taken as unknown"


def fold(text: str) -> str:
    """A code word without case, accents, and all but letters, digits and what doubts it."""
    parts = unicodedata.normalize("NFKD", ids.word(text).replace("ł", "l"))
    return "".join(character for character in parts if character.isalnum() or character in "?<>")


def translate(cells: pd.Series, words: dict[str, str]) -> pd.Series:
    """Each cell's code, empty where it says nothing, None where the word is unknown."""

    def code(text: str) -> str | None:
        return "" if ids.word(text) in ids.MISSING else words.get(fold(text))

    return ids.each(cells, code)


def refuse_unknown(
    cells: pd.Series, found: pd.Series, where: str, column: str, wanted: str, row: int = 2
) -> None:
    """Stop at the first word that a vocabulary does not hold."""
    if (bad := found.isna()).any():
        at = int(np.flatnonzero(bad.to_numpy())[0])
        raise InputError(
            f"{where} row {at + row}, column {column}: {str(cells.iloc[at])[:80]!r} where {wanted} "
            "is expected"
        )


def sexes(cells: pd.Series, where: str, column: str, *, row: int = 2) -> pd.Series:
    """`F`, `M`, or empty for unknown.

    Raises:
      InputError: a word is in no language's table.
    """
    found = translate(cells, SEXES)
    refuse_unknown(cells, found, where, column, "F, M or blank", row)
    return found.astype(str)


def years(text: str) -> float | None:
    """The age that one cell says, NaN where it says nothing, None where it is no age."""
    found = ids.word(text)
    if found in ids.MISSING:
        return float("nan")
    age = _AGE.fullmatch(found)
    return float(age[1].replace(",", ".")) * _AGE_UNITS[age[2]] if age else None


def ages(cells: pd.Series, where: str, column: str, *, row: int = 2) -> Ages:
    """Years from `58`, `058Y`, `011M`, `002W` or `003D`; unknown outside any human's age.

    Raises:
      InputError: a cell is no age.
    """

    known = {text: years(text) for text in cells.unique()}
    no_age = cells.map({text: value is None for text, value in known.items()}).astype(bool)
    refuse_unknown(cells, cells.where(~no_age, None), where, column, "an age in years", row)
    return plausible(cells.map(known).astype("float64"))


def plausible(years: pd.Series) -> Ages:
    """Ages, unknown outside any human's."""
    human = years.between(0, OLDEST)
    return Ages(years.where(human), int((~human & years.notna()).sum()))


def views(cells: pd.Series, words: dict[str, str] | None = None) -> pd.Series:
    """Views under one spelling each; a word that `VIEWS` does not hold stays as it is."""
    found = translate(cells, VIEWS if words is None else words)
    return found.where(found.notna(), cells).astype(str)
