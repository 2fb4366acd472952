"""Identifiers as spreadsheets change them: the same cohort comes out, or one sentence.

Each phantom release's tables are damaged in the ways in which exports damage them, one column of
identifiers at a time, in all rows or in some.
"""

import csv
import gzip
import importlib
import io
import re

import numpy as np
import pandas as pd
import pytest

from input_pipeline.cohort import load_cohort
from input_pipeline.labels import DATASETS
from input_pipeline.phantom.release import write_table
from input_pipeline.tables.ids import key
from jaxcxr.errors import InputError

IMAGES = 90
IDENTIFIERS = {
    "chestxray14": ("Image Index", "Patient ID", "Follow-up #"),
    "chexpert": ("Path",),
    "mimic_cxr": ("dicom_id", "subject_id", "study_id"),
    "padchest": ("ImageID", "PatientID", "StudyID"),
    "uka_cxr": ("image_id", "subject_id"),
    "vindr_cxr": ("image_id", "rad_id"),
    "vindr_pcxr": ("image_id",),
}


def swap_case(cell):
    return cell.swapcase()


def blanks_around(cell):
    return f" {cell}\u00a0"


def blank_inside(cell):
    return f"{cell[:2]} {cell[2:]}"


def zero_width(cell):
    return f"{cell[:2]}\u200b{cell[2:]}"


def mark_in_front(cell):
    return f"\ufeff{cell}"


def full_width(cell):
    return "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in cell)


def point_zero(cell):
    return f"{cell}.0" if cell.isdigit() else cell


def no_leading_zeros(cell):
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", cell)


def more_leading_zeros(cell):
    return re.sub(r"(?<![0-9])(?=[0-9])", "00", cell, count=1)


def scientific(cell):
    return f"{float(cell):.2E}" if cell.isdigit() else cell


def text_for_nothing(cell):
    return "<NA>"


SPELLINGS = (
    *(swap_case, blanks_around, blank_inside, zero_width, mark_in_front, full_width, point_zero),
    *(no_leading_zeros, more_leading_zeros, scientific, text_for_nothing),
)


@pytest.fixture(scope="module")
def releases():
    """The tables of each dataset's phantom."""
    layouts = {
        name: importlib.import_module(f"input_pipeline.phantom.releases.{name}")
        for name in DATASETS
    }
    return {name: layout.plan(IMAGES, 3, 64).tables for name, layout in layouts.items()}


@pytest.fixture(scope="module")
def whole(releases, tmp_path_factory):
    """The cohort of each undamaged release."""
    cohorts = {}
    for name, tables in releases.items():
        folder = tmp_path_factory.mktemp(name)
        for file, rows in tables.items():
            write_table(folder / file, rows)
        cohorts[name] = load_cohort(name, folder, label_rules="curated")
    return cohorts


def described(cohort):
    """What a cohort says of each image, by its key: labels, place, and who shares its patient."""
    rows = cohort.records.assign(image=cohort.records["image_id"].map(key))
    rows = rows.sort_values("image").reset_index(drop=True)
    group = {}
    whose = [group.setdefault(key(patient), len(group)) for patient in rows["patient_id"]]
    return rows, whose


def check_same(cohort, base):
    """Fail unless a cohort is the undamaged one, up to the spelling of identifiers."""
    (rows, whose), (wanted, theirs) = described(cohort), described(base)
    columns = ["image", "official_split", "view", "age", "sex", *base.labels]
    pd.testing.assert_frame_equal(rows[columns], wanted[columns])
    assert whose == theirs
    named = rows[rows["patient_id"].ne("")]
    assert named.groupby(named["patient_id"].map(key))["split"].nunique().eq(1).all()
    # A split by patient depends on how an identifier is spelled, and on nothing else.
    if rows["patient_id"].equals(wanted["patient_id"]) and rows["image_id"].equals(
        wanted["image_id"]
    ):
        assert rows["split"].tolist() == wanted["split"].tolist()


def load_or_refuse(dataset, folder, base):
    """The cohort must be the undamaged one, or one sentence that names no patient."""
    try:
        cohort = load_cohort(dataset, folder, label_rules="curated")
    except InputError as error:
        said = str(error).replace(str(folder), "")
        assert "\n" not in said and len(said) < 700
        if dataset in ("uka_cxr", "padchest", "mimic_cxr"):
            patients = set(base.records["patient_id"])
            assert not patients & set(re.findall(r"[0-9A-Za-z]+", said)), said
        return True
    check_same(cohort, base)
    return False


CASES = [
    (dataset, column, spelling)
    for dataset in DATASETS
    for column in IDENTIFIERS[dataset]
    for spelling in SPELLINGS
]


@pytest.mark.parametrize(("dataset", "column", "spelling"), CASES)
def test_identifiers_as_exports_spell_them(dataset, column, spelling, releases, whole, tmp_path):
    rng = np.random.default_rng(5)
    holders = [
        name
        for name, rows in releases[dataset].items()
        if isinstance(rows, pd.DataFrame) and column in rows
    ]
    for number, (holder, share) in enumerate((h, s) for h in holders for s in (1.0, 0.3)):
        folder = tmp_path / str(number)
        for name, rows in releases[dataset].items():
            if name == holder:
                cells = rows[column].astype(str)
                rows = rows.assign(
                    **{column: cells.where(rng.random(len(rows)) >= share, cells.map(spelling))}
                )
            write_table(folder / name, rows)
        load_or_refuse(dataset, folder, whole[dataset])


def rewritten(content, change):
    """A CSV with its lines of cells changed."""
    lines = list(csv.reader(io.StringIO(content)))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(change(lines))
    return out.getvalue()


def trailing_comma(lines):
    return [lines[0], *([*cells, ""] for cells in lines[1:])]


def row_names(lines):
    return [lines[0], *([f"row{n}", *cells] for n, cells in enumerate(lines[1:]))]


def one_longer_row(lines):
    return [*lines[:5], ["x", *lines[5]], *lines[6:]]


def one_shorter_row(lines):
    return [*lines[:5], lines[5][:-1], *lines[6:]]


def repeated_rows(lines):
    return [*lines, *lines[3:6]]


def repeated_rows_in_another_spelling(lines):
    return [*lines, *([cell.swapcase() for cell in cells] for cells in lines[3:6])]


def upper_headings(lines):
    return [[name.upper() for name in lines[0]], *lines[1:]]


def titled_headings_with_blanks(lines):
    return [[f" {name.title()}\u00a0" for name in lines[0]], *lines[1:]]


def marked_heading(lines):
    return [[f"\ufeff{lines[0][0]}", *lines[0][1:]], *lines[1:]]


def rows_in_another_order(lines):
    return [lines[0], *reversed(lines[1:])]


def columns_in_another_order(lines):
    return [cells[::-1] for cells in lines]


REFUSED = (trailing_comma, row_names, one_longer_row, one_shorter_row, repeated_rows)
REFUSED += (repeated_rows_in_another_spelling,)
READ = (upper_headings, titled_headings_with_blanks, marked_heading, rows_in_another_order)
READ += (columns_in_another_order,)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("change", [*REFUSED, *READ])
def test_shapes_and_headings(dataset, change, releases, whole, tmp_path):
    tables = [name for name, rows in releases[dataset].items() if isinstance(rows, pd.DataFrame)]
    for number, changed in enumerate(tables):
        folder = tmp_path / str(number)
        for name, rows in releases[dataset].items():
            write_table(folder / name, rows)
        path = folder / changed
        packed = path.suffix == ".gz"
        content = path.read_bytes()
        text = (gzip.decompress(content) if packed else content).decode()
        damaged = rewritten(text, change).encode()
        path.write_bytes(gzip.compress(damaged) if packed else damaged)
        refused = load_or_refuse(dataset, folder, whole[dataset])
        read_here = "negbio" not in changed
        assert refused == (change in REFUSED and read_here), (changed, change.__name__)


@pytest.mark.parametrize("dataset", DATASETS)
def test_two_tables_that_could_be_meant_are_refused(dataset, releases, whole, tmp_path):
    for name, rows in releases[dataset].items():
        write_table(tmp_path / name, rows)
    first = next(name for name, rows in releases[dataset].items() if isinstance(rows, pd.DataFrame))
    rows = releases[dataset][first]
    copy = tmp_path / "older" / first.split("/")[-1]
    write_table(copy, rows)
    assert not load_or_refuse(dataset, tmp_path, whole[dataset])  # the same content is no question
    write_table(copy, rows.iloc[:-3])
    with pytest.raises(InputError, match="could both be meant"):
        load_cohort(dataset, tmp_path)
