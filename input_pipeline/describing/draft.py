"""The first draft of a declaration: what a table shows, and as questions what it does not."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd

from input_pipeline.describing import roles
from input_pipeline.describing.draft_codes import draft_age, draft_sex, draft_split, draft_view
from input_pipeline.describing.draft_identifiers import draft_image, draft_patient, draft_study
from input_pipeline.describing.draft_labels import draft_labels
from input_pipeline.describing.found_images import find_images
from input_pipeline.describing.toml_text import question, said, shown
from input_pipeline.tables import text_table
from input_pipeline.tables.text_table import SEPARATORS, Form
from jaxcxr.errors import InputError

FEW = 12  # different cells of a column that is shown as a possible reason to leave rows out


def describe(path: Path, images: Path, sheet: str = "") -> tuple[str, Path]:
    """Draft the declaration of a table and the images it names.

    Returns:
      The text of `table.toml`, and the folder that holds table and images: its `--raw-dir`.

    Raises:
      InputError: the table cannot be read, or there is no such folder.
    """
    if not images.is_dir():
        raise InputError(f"--images {images}: no such folder")
    table, encoding = _read(path, sheet)
    raw_dir = Path(os.path.commonpath([path.resolve().parent, images.resolve()]))
    found = find_images(table, raw_dir, images.resolve())
    file = path.resolve().relative_to(raw_dir).as_posix()
    used: list[str] = []
    image, patient = draft_image(table, found, used), draft_patient(table, found, used)
    named = "[patient]" in patient
    lines = [
        *_head(path, raw_dir),
        *([] if named else patient),  # a key without a section stands above all sections
        *_table(file, table, encoding, sheet),
        *image,
        *(patient if named else []),
        *draft_study(table, found, used),
        *draft_view(table, used),
        *draft_age(table, used),
        *draft_sex(table, used),
        *draft_split(table, used),
    ]
    labels = draft_labels(table, used)
    lines += [*_exclusions(table, used), *labels]
    return "\n".join(lines) + "\n", raw_dir


def _read(path: Path, sheet: str) -> tuple[pd.DataFrame, str]:
    try:
        return text_table.read_text(path, Form(sheet=sheet)), ""
    except InputError as error:
        if "is not UTF-8 text" not in str(error):
            raise
    return text_table.read_text(path, Form(encoding="cp1252", sheet=sheet)), "cp1252"


def _head(path: Path, raw_dir: Path) -> list[str]:
    name = re.sub(r"[^a-z0-9]+", "_", raw_dir.name.lower()).strip("_")
    name = name if name[:1].isalpha() else f"table_{name}".rstrip("_")
    return [
        f"# Draft of the declaration of {path.name}. Check every line, answer every QUESTION, then",
        "# set confirmed = true. docs/own_data.md says what each key means.",
        "confirmed = false",
        f"name = {said(name)}",
        f"title = {said(raw_dir.name)}",
        "",
    ]


def _table(file: str, table: pd.DataFrame, encoding: str, sheet: str) -> list[str]:
    separator = table.attrs.get("separator")
    form = f", cells separated by {SEPARATORS[separator]}" if separator else ""
    lines = [
        "[table]",
        f"# {len(table):,} rows, {len(table.columns):,} columns{form}",
        f"file = {said(file)}",
    ]
    if separator and separator != ",":
        lines.append(f"separator = {said(separator)}")
    if sheet:
        lines.append(f"sheet = {said(sheet)}")
    if encoding:
        odd = sorted({c for name in table for text in table[name] for c in text if ord(c) > 127})
        lines += [
            question(f"it is not UTF-8; as cp1252 it holds {' '.join(odd[:40])}: is that right?"),
            f"encoding = {said(encoding)}",
        ]
    return [*lines, ""]


def _exclusions(table: pd.DataFrame, used: list[str]) -> list[str]:
    """Columns of few different cells: what they hold may be a reason to leave a row out."""
    lines: list[str] = []
    for column in map(str, table.columns):
        found = roles.counts(table[column])
        if column not in used and len(found) <= FEW and set(found) - {""} and len(lines) < FEW:
            lines.append(f"# {said(column)[:60]}: {shown(found)}")
    if not lines:
        return []
    return [
        question("is a row to be left out by one of these columns? The funnel will show it"),
        *lines,
        "# [[exclude]]",
        '# reason = "no radiograph"',
        '# column = ""',
        "# cells = []",
        "",
    ]
