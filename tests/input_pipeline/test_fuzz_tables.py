"""2,000 tables changed as spreadsheets change them: the right cohort, or one sentence."""

import codecs
import csv
import re
from collections import defaultdict

import numpy as np
import openpyxl
import pandas as pd
import pytest
from own_tables import HEADER, as_text, cohort_of, grid, truth, write

from input_pipeline.cohort import load_cohort
from jaxcxr.errors import InputError

TABLES, A_TEST = 2000, 100
NO_BLANKS = ("Image", "Pat. No", "Effusion L", "Score", "Notes")


ALL = tuple(range(len(HEADER)))


def _cells(change, columns=ALL):
    """A mutation of one column, in all rows or in some."""

    def mutate(rows, rng):
        column, share = int(rng.choice(columns)), float(rng.choice([1.0, 0.3, 0.02]))
        return [rows[0]] + [
            [
                change(cell) if at == column and rng.random() < share else cell
                for at, cell in enumerate(row)
            ]
            for row in rows[1:]
        ]

    return mutate


def _number(change):
    return lambda cell: change(cell) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", cell) else cell


def _shuffled_columns(rows, rng):
    order = rng.permutation(len(rows[0]))
    return [[row[at] for at in order if at < len(row)] for row in rows]


def _shuffled_rows(rows, rng):
    return [rows[0], *(rows[1 + at] for at in rng.permutation(len(rows) - 1))]


def _insert(make):
    def mutate(rows, rng):
        at = int(rng.integers(1, len(rows) + 1))
        return [*rows[:at], make(rows, rng), *rows[at:]]

    return mutate


def _headings(change):
    return lambda rows, rng: [[change(name) for name in rows[0]], *rows[1:]]


CHANGES = {
    "case": _cells(str.swapcase),
    "blanks around": _cells(lambda cell: f"  {cell}\u00a0" if cell else cell),
    "blank inside": _cells(lambda cell: f"{cell[:1]} {cell[1:]}" if cell else cell),
    "zero width": _cells(lambda cell: f"{cell[:2]}\u200b{cell[2:]}" if cell else cell),
    "point zero": _cells(_number(lambda cell: f"{cell}.0" if "." not in cell else cell)),
    "decimal comma": _cells(_number(lambda cell: cell.replace(".", ","))),
    "zeros lost": _cells(lambda cell: re.sub(r"(?<![0-9])0+(?=[0-9])", "", cell)),
    "scientific": _cells(lambda cell: "1.0E+05" if cell else cell),
    "date": _cells(lambda cell: "02-Jan" if cell else cell),
    "error": _cells(lambda cell: "#REF!"),
    "missing word": _cells(lambda cell: cell or "NA"),
    "nan": _cells(lambda cell: cell or "nan"),
    # Where a blank says something, nobody can tell that a cell was emptied.
    "emptied": _cells(lambda cell: "", [HEADER.index(one) for one in NO_BLANKS]),
    "as text": _cells(lambda cell: f"'{cell}" if cell else cell),
    "typing error": _cells(lambda cell: cell[:-1] + "§" if cell else cell),
    "smart quotes": _cells(lambda cell: cell.replace('"', "\u201c")),
    "dash": _cells(lambda cell: cell.replace("-", "\u2013")),
    "columns shuffled": _shuffled_columns,
    "rows shuffled": _shuffled_rows,
    "headings in capitals": _headings(str.upper),
    "headings with blanks": _headings(lambda name: f" {name} "),
    "headings with a mark": _headings(lambda name: f"\ufeff{name}"),
    "a heading lost": lambda rows, rng: [["", *rows[0][1:]], *rows[1:]],
    "an index": lambda rows, rng: [
        ["", *rows[0]],
        *([str(n), *row] for n, row in enumerate(rows[1:])),
    ],
    "a row twice": _insert(lambda rows, rng: rows[int(rng.integers(1, len(rows)))]),
    "an empty row": _insert(lambda rows, rng: [""] * len(rows[0])),
    "a total": _insert(lambda rows, rng: ["Total", *[""] * (len(rows[0]) - 1)]),
    "a title": lambda rows, rng: [["Radiographs of 2024"], *rows],
    "a note": _insert(lambda rows, rng: ["see above"]),
    "a cell more": _insert(lambda rows, rng: [*rows[1], "x"]),
    "an empty column": lambda rows, rng: [[*rows[0], ""], *([*row, ""] for row in rows[1:])],
    "the header again": _insert(lambda rows, rng: rows[0]),
    "none": lambda rows, rng: rows,
}


def _workbook(rows, path, rng):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append([_typed(cell) if rng.random() < 0.5 else cell for cell in row])
    book.save(path)


def _typed(cell):
    return float(cell) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", cell) else cell or None


def _parquet(rows, path):
    width = len(rows[0])
    body = [(row + [""] * width)[:width] for row in rows[1:]]
    pd.DataFrame(body, columns=rows[0]).to_parquet(path)


def _text(rows, rng):
    """Delimited text, and the form that a declaration would give with it."""
    text = as_text(
        rows,
        str(rng.choice(list(",;\t|"))),
        str(rng.choice(["\n", "\r\n", "\r"])),
        int(rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    match rng.integers(8):
        case 0:
            return codecs.BOM_UTF8 + text.encode()
        case 1:
            return text.encode("utf-16")
        case 2:
            return text.encode("cp1252", "replace")
        case 3:
            cut = int(rng.integers(len(text)))
            return (text[:cut] + '"' + text[cut:]).encode()
        case 4:
            return (text + "\n\n").encode()
        case _:
            return text.encode()


def _comparable(found):
    """Images by number, patients by the images they share, and all else as it is."""
    images = {re.sub(r"\D", "", image).lstrip("0"): row for image, row in found.items()}
    assert len(images) == len(found)
    theirs = defaultdict(set)
    for image, row in images.items():
        theirs[row[0]].add(image)
    return {image: (frozenset(theirs[row[0]]), *row[1:]) for image, row in images.items()}


def _mutated(folder, seed):
    """Write a mutated table into a folder; returns what was done to it."""
    rng = np.random.default_rng(seed)
    names = [str(name) for name in rng.choice(list(CHANGES), int(rng.integers(1, 3)))]
    rows = grid()
    for name in names:
        rows = CHANGES[name](rows, rng)
    kind = str(rng.choice(["csv"] * 4 + ["xlsx", "parquet"]))
    path = folder / f"ours.{kind}"
    latin = 'encoding = "cp1252"' if rng.random() < 0.05 else ""
    write(folder, None, name=path.name, form=latin)
    if kind == "xlsx":
        _workbook(rows, path, rng)
    elif kind == "parquet" and len(set(rows[0])) == len(rows[0]) > 1:
        _parquet(rows, path)
    else:
        path.write_bytes(_text(rows, rng))
    return f"{seed}: {', '.join(names)} in {kind}"


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, TABLES, A_TEST))
def test_mutated_tables_end_in_the_right_cohort_or_one_sentence(first, tmp_path):
    wanted = _comparable(truth(grid()))
    ends = {"right": 0, "refused": 0}
    for seed in range(first, first + A_TEST):
        for left in tmp_path.glob("ours.*"):
            left.unlink()
        did = _mutated(tmp_path, seed)
        try:
            cohort = load_cohort("table", tmp_path)
        except InputError as error:
            assert str(error) and "\n" not in str(error) and len(str(error)) < 600, did
            ends["refused"] += 1
            continue
        assert _comparable(cohort_of(cohort)) == wanted, did
        lost = [path for path in cohort.records["image_path"] if not (tmp_path / path).is_file()]
        assert not lost or any("no file" in note for note in cohort.settings["notes"]), did
        ends["right"] += 1
    # Both ends are reached, or the mutations were too strong or too weak to test anything.
    assert min(ends.values()) >= A_TEST // 10, ends
