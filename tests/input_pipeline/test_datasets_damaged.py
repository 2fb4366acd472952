"""Damaged and hostile label tables: each ends in one sentence or in a sound cohort, never else."""

import gzip
import importlib
import io
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import pytest

from input_pipeline.cohort import load_cohort
from input_pipeline.labels import DATASETS
from input_pipeline.phantom.release import write_table
from jaxcxr.errors import InputError

IMAGES = 90
CASES = (60, pytest.param(180, marks=pytest.mark.slow))  # the first are the same
POISON = (
    "../../etc/passwd",
    "/etc/passwd",
    "a/../../b.png",
    "..\\..\\boot.ini",
    "C:\\x.png",
    "nul\0byte",
    "line\nbreak",
    "",
    " ",
    "nan",
    "-1",
    "2",
    "1e400",
    "inf",
    "0x1F",
    "žluťoučký 胸部 🩻",
    "\u202egnp.exe",
    "__import__('os').system('true')",
    "['normal'",
    "['normal', 3]",
    "[" * 500,
    "{'a': 1}",
    "x" * 20_000,
    '"',
    "a,b,c",
    "|",
    "No Finding|Mass",
)


def tables(dataset):
    layout = importlib.import_module(f"input_pipeline.phantom.releases.{dataset}")
    return layout.plan(IMAGES, 3, 64).tables


def poison_a_cell(rng, name, rows, folder):
    column = rng.choice(rows.columns)
    rows = rows.astype(object)
    rows.iloc[rng.integers(len(rows)), rows.columns.get_loc(column)] = str(rng.choice(POISON))
    write_table(folder / name, rows)


def shuffle_columns(rng, name, rows, folder):
    write_table(folder / name, rows[rng.permutation(rows.columns)])


def shuffle_the_header_alone(rng, name, rows, folder):
    write_table(folder / name, rows.set_axis(rng.permutation(rows.columns), axis=1))


def drop_a_column(rng, name, rows, folder):
    write_table(folder / name, rows.drop(columns=rng.choice(rows.columns)))


def repeat_a_row(rng, name, rows, folder):
    write_table(folder / name, pd.concat([rows, rows.iloc[[rng.integers(len(rows))]]]))


def drop_every_row(rng, name, rows, folder):
    write_table(folder / name, rows.iloc[:0])


def cut_the_file(rng, name, rows, folder):
    write_table(folder / name, rows)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: rng.integers(len(content))])


def change_bytes(rng, name, rows, folder):
    write_table(folder / name, rows)
    content = bytearray((folder / name).read_bytes())
    for place in rng.integers(len(content), size=8):
        content[place] = rng.integers(256)
    (folder / name).write_bytes(bytes(content))


def split_or_join_fields(rng, name, rows, folder):
    text = io.StringIO()
    rows.to_csv(text, index=False)
    lines = text.getvalue().splitlines()
    line = int(rng.integers(1, len(lines)))
    lines[line] = lines[line].replace(",", str(rng.choice(["", ",,", ";"])), 1)
    content = "\n".join(lines).encode()
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


DAMAGES = (
    poison_a_cell,
    poison_a_cell,
    poison_a_cell,
    poison_a_cell,
    shuffle_columns,
    shuffle_the_header_alone,
    drop_a_column,
    repeat_a_row,
    drop_every_row,
    cut_the_file,
    change_bytes,
    split_or_join_fields,
)


def check(cohort):
    rows = cohort.records
    assert rows["image_id"].is_unique and rows["image_path"].is_unique
    for path in map(PurePosixPath, rows["image_path"]):
        assert not path.is_absolute() and ".." not in path.parts
        assert not any(character in str(path) for character in "\0\n\\")
    assert rows[list(cohort.labels)].isin([1, 0, -1]).all(axis=None)
    assert rows["split"].isin(["train", "validation", "test"]).all()
    assert rows["age"].dropna().between(0, 120).all()
    # VinDr's two name no patients; all others name every image's.
    named = rows["patient_id"].str.strip().ne("")
    nobody = cohort.dataset in ("vindr_cxr", "vindr_pcxr")
    assert (~named).all() if nobody else named.all()
    if not nobody:
        assert rows.groupby("patient_id")["split"].nunique().max() == 1


@pytest.mark.slow
@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize("dataset", DATASETS)
def test_no_damage_crashes_or_slips_in(dataset, cases, tmp_path):
    whole = tables(dataset)
    names = [name for name, rows in whole.items() if isinstance(rows, pd.DataFrame)]
    rng = np.random.default_rng(11)
    refused = 0
    for case in range(cases):
        folder = tmp_path / str(case)
        damage = DAMAGES[case % len(DAMAGES)]
        damaged = str(rng.choice(names))
        for name, rows in whole.items():
            if name == damaged:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                damage(rng, name, rows.copy(), folder)
            else:
                write_table(folder / name, rows)
        rule = ("paper", "curated")[case % 2]
        try:
            cohort = load_cohort(dataset, folder, label_rules=rule, split="patient")
        except InputError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 600, damage.__name__
        else:
            check(cohort)
            # Tables that decide nothing here may be empty: negbio, and official splits.
            assert damage is not drop_every_row or "negbio" in damaged
    assert refused > cases / 5


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_repeated_row_stops_everything(dataset, tmp_path):
    for name, rows in tables(dataset).items():
        first = isinstance(rows, pd.DataFrame) and "metadata" not in name
        write_table(tmp_path / name, pd.concat([rows, rows.iloc[[0]]]) if first else rows)
    with pytest.raises(InputError, match=r"twice|once|3 readers"):
        load_cohort(dataset, tmp_path)


ESCAPES = ("../../etc/passwd", "/etc/passwd", "a\\b.png", "..", "", "a/b.png")
NAMED_BY = (
    ("padchest", "ImageID"),
    ("padchest", "ImageDir"),
    ("chestxray14", "Image Index"),
    ("chexpert", "Path"),
    ("mimic_cxr", "dicom_id"),
    ("mimic_cxr", "subject_id"),
    ("vindr_cxr", "image_id"),
    ("vindr_pcxr", "image_id"),
)
# A hospital's own folders may be nested.
ANY_FOLDER = ("uka_cxr", "subset")


@pytest.mark.parametrize(
    ("dataset", "column", "escape"),
    [
        *((*named, escape) for named in NAMED_BY for escape in ESCAPES),
        *((*ANY_FOLDER, escape) for escape in ESCAPES[:5]),
    ],
)
def test_no_name_leaves_the_release(dataset, column, escape, tmp_path):
    for name, rows in tables(dataset).items():
        if isinstance(rows, pd.DataFrame) and column in rows:
            rows = rows.astype({column: object})
            rows.loc[rows.index[5], column] = escape
        write_table(tmp_path / name, rows)
    with pytest.raises(InputError, match=column):
        load_cohort(dataset, tmp_path)


def test_labels_are_never_evaluated(tmp_path):
    for name, rows in tables("padchest").items():
        rows.loc[5, "Labels"] = f"open({str(tmp_path / 'evil')!r}, 'w')"
        write_table(tmp_path / name, rows)
    with pytest.raises(InputError, match="row 7, column Labels"):
        load_cohort("padchest", tmp_path)
    assert not (tmp_path / "evil").exists()
