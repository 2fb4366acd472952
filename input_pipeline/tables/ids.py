"""Identifiers of patients, studies and images: which texts mean one thing, and which mean nothing.

Spreadsheets and exports change identifiers: `P001` becomes `p001` or `P1`, `12` becomes `12.0`, a
long number `2.85E+35`. Two texts with the same `key` are one identifier spelled in two ways. One
column that holds both is refused, and columns are joined on their keys.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd

from jaxcxr.errors import InputError

# What programs write where there is nothing, folded by `word`.
MISSING = frozenset(
    {"", "nan", "-nan", "none", "null", "nil", "na", "n/a", "n.a.", "n.a", "<na>", "nat"}
    | {"#n/a", "#nv", "#null!", "1.#qnan", "-1.#ind", "(null)", "\\n"}
)
# What people write where an identifier is not known.
NOBODY = MISSING | {
    *("-", "--", "?", "??", ".", "missing", "unknown", "undefined", "notavailable", "anonymous"),
    *("notapplicable", "anonymized", "anonymised", "anon", "unbekannt", "inconnu", "desconocido"),
    *("sconosciuto", "onbekend", "k.a.", "s/d"),
}
_AS_TEXT = re.compile(r"'(.+)|=\"(.+)\"")
_LEADING_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_FLOAT = re.compile(r"([^.,]*[0-9])[.,]0+")
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec"
_EATEN = re.compile(
    r"[+-]?[0-9]+([.,][0-9]+)?e[+-][0-9]+"  # 2.85E+35
    r"|[+-]?[0-9]+[.,][0-9]+e[0-9]+"  # 2.85E35
    rf"|[0-9]{{1,2}}-({_MONTHS})(-[0-9]{{2,4}})?|({_MONTHS})-[0-9]{{2}}"  # 1-2 made a date
    r"|#+|#(name\?|ref!|value!|num!|div/0!)",
    re.IGNORECASE,
)
_LONGEST_EATEN = 30  # characters; spares the pattern the many long identifiers
# Shown as nothing, though of no category that says so: joiners, fillers, variation selectors.
_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]"
)
_DIGITS = re.compile(r"[0-9]+(\.0+)?")
_DIGITS_FLOAT = re.compile(r"[0-9]+\.0+")
_KEPT_DIGITS = 15  # of a long number in a spreadsheet; the others become zeros


@lru_cache(maxsize=2**19)
def word(text: str) -> str:
    """A text without case, blanks and invisible characters, its dashes one, in Unicode's NFKC."""
    text = text.strip()
    if text.isascii() and text.isprintable():
        return text.lower().replace(" ", "")
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kinds = {letter: unicodedata.category(letter) for letter in text}
    text = "".join(
        "-" if kind == "Pd" else letter
        for letter, kind in ((letter, kinds[letter]) for letter in text)
        if kind[0] not in "CZ"
    )
    return _FILLERS.sub("", text.replace("\u2212", "-"))


@lru_cache(maxsize=2**19)
def key(text: str) -> str:
    """What an identifier is under every spelling: `P001`, `p001` and `P1`, or `12` and `12.0`.

    That is `word`, without a spreadsheet's marks of text (`'12`, `="12"`), the `.0` of a whole
    number, and the leading zeros of each run of digits. Identifiers are compared and joined by it;
    what is stored keeps its spelling.
    """
    found = word(text)
    if quoted := _AS_TEXT.fullmatch(found):
        found = quoted[1] or quoted[2]
    if found.endswith("0") and (whole := _FLOAT.fullmatch(found)):
        found = whole[1]
    return _LEADING_ZEROS.sub("", found)


def keys(cells: pd.Series) -> pd.Series:
    """The key of each cell."""
    return each(cells, key)


def each(cells: pd.Series, function: Callable[[str], object]) -> pd.Series:
    """Apply a function to each cell, once for each text."""
    known = {text: function(text) for text in texts_of(cells)}
    return pd.Series([known[text] for text in cells.tolist()], index=cells.index, dtype=object)


def texts_of(cells: pd.Series) -> list[str]:
    """The different texts of a column, as a list: Arrow's arrays are slow to walk."""
    return list(dict.fromkeys(cells.tolist()))


def missing(cells: pd.Series) -> pd.Series:
    """True where a cell of any column says nothing."""
    return each(cells, lambda text: word(text) in MISSING).astype(bool)


def nobody(cells: pd.Series) -> pd.Series:
    """True where an identifier names nobody: `unknown` is not one patient with many images."""
    return each(cells, lambda text: word(text) in NOBODY).astype(bool)


def plain(cells: pd.Series) -> pd.Series:
    """Identifiers as they are stored: as spelled, less the `.0` that made `12` a float."""
    floats = {text: text.split(".")[0] for text in texts_of(cells) if _DIGITS_FLOAT.fullmatch(text)}
    return cells.replace(floats) if floats else cells


def invisible(text: str) -> bool:
    """Whether a text holds a character that nobody sees, beyond plain blanks."""
    if text.isascii() and text.isprintable():
        return False
    return any(
        unicodedata.category(character)[0] == "C" or _FILLERS.match(character) for character in text
    )


def eaten(text: str) -> bool:
    """Whether a spreadsheet destroyed the identifier, as `2.85E+35`, `02-Jan` or `#REF!`."""
    found = word(text)
    return len(found) <= _LONGEST_EATEN and _EATEN.fullmatch(found) is not None


def rounded(texts: list[str]) -> list[str]:
    """The long numbers of a column whose digits after the fifteenth are zeros, if most are so."""
    long = [text for text in texts if len(text) > _KEPT_DIGITS + 1 and text[-1].isdigit()]
    long = [text for text in long if _DIGITS.fullmatch(text)]
    zeros = [text for text in long if not text.split(".")[0][_KEPT_DIGITS:].strip("0")]
    return zeros if len(zeros) * 2 > len(long) else []


def alike(cells: pd.Series) -> list[int]:
    """Positions of two rows whose texts differ and are one identifier, or none."""
    spelled: dict[str, str] = {}
    for text in texts_of(cells):
        if (first := spelled.setdefault(key(text), text)) != text:
            return [int(np.flatnonzero(cells.eq(one).to_numpy())[0]) for one in (first, text)]
    return []


def check(
    cells: pd.Series, where: str, column: str, *, images: pd.Series | None = None, row: int = 2
) -> pd.Series:
    """Check a column of identifiers, and return them as they are stored.

    Args:
      cells: text, one a row.
      where: the file, for messages.
      column: its heading, for messages.
      images: the image of each row, which messages name in place of the cell: a patient's
        identifier is in no message. None where the cells themselves name images or studies.
      row: number of the first row in the file.

    Raises:
      InputError: a cell names nobody, holds an invisible character, or was destroyed by a
        spreadsheet; or two spellings of one identifier stand in the column.
    """
    named = cells if images is None else images
    texts = texts_of(cells)
    for faulty, what in (
        ([text for text in texts if word(text) in NOBODY], "where an identifier is expected"),
        (
            [text for text in texts if invisible(text)],
            "with an invisible character where an identifier is expected",
        ),
        (
            [text for text in texts if eaten(text)] or rounded(texts),
            "which a spreadsheet made of an identifier: export the column as text",
        ),
    ):
        if faulty:
            at = int(np.flatnonzero(cells.isin(faulty).to_numpy())[0])
            said = repr(str(cells.iloc[at])[:80]) if images is None else _of(named, at)
            raise InputError(f"{where} row {at + row}, column {column}: {said} {what}")
    refuse_alike(cells, f"{where} column {column}", named=named, row=row)
    return plain(cells)


def _of(images: pd.Series, at: int) -> str:
    """Stand in for a cell that may be in no message."""
    return f"a value (of image {str(images.iloc[at])[:80]!r})"


def refuse_alike(cells: pd.Series, where: str, *, named: pd.Series, row: int | None = 2) -> None:
    """Stop if two spellings of one identifier stand in a column; `named` are the rows' images."""
    if pair := alike(cells):
        rows = "" if row is None else " of rows " + " and ".join(str(at + row) for at in pair)
        images = " and ".join(repr(str(named.iloc[at])[:80]) for at in pair)
        raise InputError(
            f"{where}: the identifiers{rows} ({images}) differ only in case, blanks, leading zeros "
            "or a trailing .0; spell one thing in one way"
        )


def named_patients(patients: pd.Series, images: pd.Series) -> pd.Series:
    """Patients, all blank where each is only the name of its image: then none is named."""
    return patients if patients.ne(images).any() else pd.Series("", index=patients.index)


def units(patients: pd.Series, images: pd.Series) -> pd.Series:
    """Who must stay together: the patient of each image, or the image where none is named."""
    return patients.where(patients.ne(""), images)
