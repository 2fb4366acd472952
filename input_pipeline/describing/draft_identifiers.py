"""Draft who is who: the image, the patient and the study of a row, and what is wrong with them."""

from __future__ import annotations

import pandas as pd

from input_pipeline.describing import roles
from input_pipeline.describing.found_images import Found
from input_pipeline.describing.toml_text import question, said, shown
from input_pipeline.tables import ids


def draft_image(table: pd.DataFrame, found: Found | None, used: list[str]) -> list[str]:
    """The image's column, folders and suffixes."""
    if found is None:
        return [
            "[image]",
            question("no column's cells name files of the folder; which names the image, and how?"),
            'column = ""',
            "",
        ]
    used.append(found.column)
    lines = [
        "[image]",
        f"# {found.named:,} of {found.cells:,} different cells name one file each;"
        f" {found.unnamed:,} of {found.files:,} files are named by no row",
    ]
    if len(table) > found.cells:
        lines.append(
            question(
                f"{len(table) - found.cells:,} rows repeat an image or name none. Is it a row for "
                "each box or reader (then several_rows = true), or are they to be removed?"
            )
        )
    if found.absent:
        lines.append(
            question(
                f"{len(found.absent):,} cells name no file, as {shown(found.absent, 3)}: are these "
                "images lost?"
            )
        )
    if found.several:
        lines.append(
            question(
                f"{len(found.several):,} cells name several files, as {shown(found.several, 3)}: "
                "which folder or suffix?"
            )
        )
    suffixes = sorted(found.suffixes, key=lambda one: -found.suffixes[one])
    folders = sorted(found.folders)
    return [
        *lines,
        *_identifiers(table[found.column], table[found.column], found.column),
        f"column = {said(found.column)}",
        f"# found in: {shown(found.folders)}",
        f"folders = {said(folders)}",
        f"# without the suffix: {shown(found.suffixes)}".replace("blank", "none"),
        f"suffixes = {said(suffixes)}",
        "",
    ]


def _identifiers(cells: pd.Series, images: pd.Series, column: str) -> list[str]:
    """What is wrong with a column of identifiers, as questions; images are named, not patients."""
    lines = []
    if blank := int(ids.nobody(cells).sum()):
        lines.append(question(f"{blank:,} rows of {column} name nobody; complete or remove them"))
    if eaten := [text for text in ids.texts_of(cells) if ids.eaten(text)]:
        row = int(cells.isin(eaten).to_numpy().argmax()) + 2
        lines.append(
            question(
                f"a spreadsheet destroyed {len(eaten):,} cells of {column}, the first in row "
                f"{row}; export it again as text"
            )
        )
    if pair := ids.alike(cells):
        rows = " and ".join(str(at + 2) for at in pair)
        lines.append(
            question(
                f"rows {rows} of {column} (images {shown([images.iloc[at] for at in pair])}) spell "
                "one identifier in two ways, or nearly; spell it in one"
            )
        )
    return lines


def draft_patient(table: pd.DataFrame, found: Found | None, used: list[str]) -> list[str]:
    """The patient's column, and a pattern where cells differ in a last letter."""
    columns = roles.by_heading(table, "patient")
    image = found.column if found else None
    if not columns:
        stems = roles.patient_pattern(table[image]) if image else ""
        return [
            question(
                "no column's heading speaks of patients. Without one, two images of a patient may "
                "stand in two splits. Is the patient in another column, or in the image's name"
                + (f" (as in pattern = '{stems}')?" if stems else "?")
            ),
            "patient = false",
            "",
        ]
    column = columns[0]
    used.append(column)
    images = table[image] if image else table[column]
    cells = table[column]
    several = int(cells.value_counts().gt(1).sum())
    lines = [
        "[patient]",
        f"# {cells.nunique():,} different cells in {len(table):,} rows,"
        f" {several:,} of them in several",
    ]
    if len(columns) > 1:
        lines.append(question(f"or is it {' or '.join(map(repr, columns[1:]))}?"))
    lines += _identifiers(cells, images, column)
    lines.append(f"column = {said(column)}")
    if pattern := roles.patient_pattern(cells):
        parts = cells.str.extract(f"^{pattern}$")[0]
        pair = images[parts.duplicated(keep=False)].head(2)
        lines += [
            question(
                f"some cells differ in a last letter alone (images {shown(pair)}). Are these "
                f"one patient's? With this pattern there are {parts.nunique():,} patients; without "
                f"it {cells.nunique():,}"
            ),
            f"pattern = '{pattern}'",
        ]
    elif column == image:
        lines.append(question("it names the images too: has every patient one image?"))
    return [*lines, ""]


def draft_study(table: pd.DataFrame, found: Found | None, used: list[str]) -> list[str]:
    """The study's column, if there is one."""
    columns = [
        column
        for column in roles.by_heading(table, "study")
        if column not in used and not ids.nobody(table[column]).all()
    ]
    if not columns or table[columns[0]].nunique() < 2:
        return []
    used.append(columns[0])
    cells = table[columns[0]]
    images = table[found.column] if found else cells
    return [
        "[study]",
        f"# {cells.nunique():,} different cells",
        *_identifiers(cells.where(~ids.nobody(cells), images), images, columns[0]),
        f"column = {said(columns[0])}",
        "",
    ]
