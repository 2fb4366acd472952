"""What the columns of a table may be, by their headings and cells, with the evidence."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from input_pipeline.declared.declared_labels import split_terms
from input_pipeline.labels import NAMES
from input_pipeline.tables import codes, ids, text_table

# Whole headings, and beginnings of them, as `text_table.heading` compares them.
HEADINGS = {
    "patient": ("patient", "patno", "patnr", "patid", "subject", "person", "pid", "mrn", "case"),
    "study": ("study", "accession", "exam", "series"),
    "view": ("view", "projection", "position", "orientation"),
    "age": ("age", "patientage", "agey", "ageyears", "ageinyears", "alter"),
    "sex": ("sex", "gender", "patientsex", "patientgender", "geschlecht"),
    "split": ("split", "subset", "partition", "fold", "dataset"),
    "findings": ("finding", "label", "diagnos", "class", "patholog", "disease", "befund"),
}
NOT_IDS = ("age", "sex", "gender", "name", "date", "position", "orientation", "birth", "class")
YES = {"1", "yes", "y", "true", "positive", "pos", "present"}
NO = {"0", "no", "n", "false", "negative", "neg", "absent"}
OPEN = {"-1", "2", "3", "u", "uncertain", "unknown", "maybe"}
OLDEST_USUAL = 105  # years; 0 and above this are asked about
MOST_TERMS = 40  # that are drafted as labels; of more, those of the vocabulary alone
SEPARATORS = ("|", ";", ",", "/")
_TRAILING = re.compile(r"(.*[0-9])[a-zA-Z]?")
VOCABULARY = {
    text_table.heading(text): finding for finding, name in NAMES.items() for text in (finding, name)
}


@dataclass(frozen=True)
class Terms:
    """A column of findings: its separator, and how many rows each term has."""

    column: str
    separator: str
    counts: dict[str, int]
    blank: int


def by_heading(table: pd.DataFrame, role: str) -> list[str]:
    """Columns whose heading speaks of a role, those that say it exactly first."""
    found = []
    for column in map(str, table.columns):
        name = text_table.heading(column)
        if role in ("patient", "study") and any(word in name for word in NOT_IDS):
            continue
        if name in HEADINGS[role]:
            found.append((0, column))
        elif role not in ("age", "sex") and name.startswith(HEADINGS[role]):
            found.append((1, column))
    return [column for _, column in sorted(found, key=lambda one: one[0])]


def counts(cells: pd.Series) -> dict[str, int]:
    """How many rows each text has, commonest first."""
    return {str(text): int(number) for text, number in cells.value_counts().items()}


def patient_pattern(cells: pd.Series) -> str:
    """A pattern that makes one of `P12a` and `P12b`, if there are such cells; else empty."""
    matches = [_TRAILING.fullmatch(text) for text in ids.texts_of(cells)]
    if not all(matches) or not matches:
        return ""
    stems = {match[1] for match in matches if match}
    return r"(.*[0-9])[a-zA-Z]?" if len(stems) < len(matches) else ""


def views(cells: pd.Series) -> tuple[list[str], list[str], list[str]]:
    """Words for frontal views, for others, and those that cannot be told."""
    frontal: list[str] = []
    other: list[str] = []
    open_: list[str] = []
    for text in counts(cells):
        known = codes.VIEWS.get(codes.fold(text)) if text else None
        if known is None or known in ("UNK", "EXCLUDE"):
            open_.append(text)
        else:
            (frontal if known.startswith(("PA", "AP", "Frontal")) else other).append(text)
    return frontal, other, open_


def no_ages(cells: pd.Series) -> tuple[dict[str, int], dict[str, int]]:
    """The cells of a column of ages that are no number, and those that are suspicious ones."""
    every = [(text, number, codes.years(text)) for text, number in counts(cells).items()]
    wrong = {text: number for text, number, years in every if years is None}
    odd = {
        text: number
        for text, number, years in every
        if years is not None and (years <= 0 or years > OLDEST_USUAL)
    }
    return wrong, odd


def yes_no(cells: pd.Series) -> bool:
    """Whether a column says yes and no, as labels do."""
    keys = {ids.key(text) for text in ids.texts_of(cells) if ids.word(text) not in ids.MISSING}
    return bool(keys & (YES | NO)) and keys <= YES | NO | OPEN


def terms(table: pd.DataFrame, column: str) -> Terms:
    """Take a column of findings apart, by the separator that leaves the fewest different terms."""
    cells = table[column]
    filled = [text for text in cells.tolist() if ids.word(text) not in ids.MISSING]
    separator = ""
    if filled and all(text.startswith("[") and text.endswith("]") for text in filled):
        separator = "list"
    else:
        fewest = len(set(filled))
        for one in SEPARATORS:
            parts = {part.strip() for text in filled for part in text.split(one)}
            if any(one in text for text in filled) and len(parts) < fewest:
                separator, fewest = one, len(parts)
    found: dict[str, int] = {}
    for text in filled:
        for term in split_terms(text, separator) or []:
            found[term] = found.get(term, 0) + 1
    ordered = dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))
    return Terms(column, separator, ordered, len(cells) - len(filled))
