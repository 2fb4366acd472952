"""`describe`: what the draft says of a table, and that a draft does not run."""

import subprocess
import sys
import tomllib

import pytest
from own_tables import as_text, grid, write

from input_pipeline.cohort import load_cohort
from input_pipeline.describing.draft import describe
from jaxcxr.errors import InputError


def _questions(draft):
    return [line for line in draft.splitlines() if line.startswith("# QUESTION: ")]


def _drafted(folder, rows=None, content=None, name="ours.csv"):
    write(folder, as_text(rows or grid()).encode() if content is None else content, name=name)
    draft, raw_dir = describe(folder / name, folder / "images")
    assert raw_dir == folder.resolve()
    return draft, tomllib.loads(draft)


def test_the_draft_finds_what_each_column_is(tmp_path):
    draft, read = _drafted(tmp_path)
    assert read["confirmed"] is False
    assert read["table"] == {"file": "ours.csv"}
    image = read["image"]
    assert (image["column"], image["folders"]) == ("Image", ["images"])
    assert set(image["suffixes"]) == {".jpg", ".png"}
    assert "# 120 of 120 different cells name one file each; 0 of 120 files" in draft
    assert (read["age"]["column"], read["sex"]["column"]) == ("Age [y]", "Sex")
    assert set(read["view"]["frontal"]) == {"PA"} and read["view"]["other"] == []
    asked = "\n".join(_questions(draft))
    for text in ('"AP erect"', '"LAT"', '"50+"', "cells differ in a last letter alone"):
        assert text in asked
    columns = {label["column"]: label for label in read["label"]}
    assert columns["Effusion L"]["positive"] == ["yes"]
    (negative,) = columns["Effusion L"]["negative"]  # one of the two spellings
    assert negative.lower() == "no"
    assert 'side = "left"' in asked and 'side = "right"' in asked
    (terms,) = read["terms"]
    assert (terms["column"], terms["separator"]) == ("Findings", "|")
    named = {label.get("finding") or label["name"]: label["terms"] for label in terms["label"]}
    assert named["pneumonia"] == ["pneumonia"] and named["COVID-19"] == ["COVID-19"]


def test_a_draft_does_not_run(tmp_path):
    draft, _ = _drafted(tmp_path)
    (tmp_path / "table.toml").write_text(draft)
    with pytest.raises(InputError, match="a draft; answer its questions"):
        load_cohort("table", tmp_path)
    # Nor does one that is confirmed with its questions open: what was not told stops it.
    (tmp_path / "table.toml").write_text(draft.replace("confirmed = false", "confirmed = true"))
    with pytest.raises(InputError, match=r"by its words|view"):
        load_cohort("table", tmp_path)


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        (lambda row: [*row[:1], "", *row[2:]], "rows of Pat. No name nobody"),
        (lambda row: ["1.0E+05", *row[1:]], "a spreadsheet destroyed 1 cells of Image"),
        (lambda row: [*row[:1], "8A", *row[2:]], "spell one identifier in two ways"),
        (lambda row: [*row[:3], "413", *row[4:]], 'suspicious ages: "413" 1'),
        (lambda row: [*row[:4], "h", *row[5:]], 'which of M and F are "h" 1?'),
        (lambda row: ["IM9999", *row[1:]], 'cells name no file, as "IM9999"'),
    ],
)
def test_what_is_wrong_becomes_a_question(tmp_path, change, asked):
    rows = grid()
    rows[6] = change(rows[6])
    draft, _ = _drafted(tmp_path, rows)
    assert any(asked in line for line in _questions(draft)), _questions(draft)


def test_other_forms_are_told(tmp_path):
    draft, read = _drafted(tmp_path, content=as_text(grid(), ";").encode("cp1252"))
    assert (read["table"]["separator"], read["table"]["encoding"]) == (";", "cp1252")
    assert any("it is not UTF-8" in line for line in _questions(draft))


def test_cells_cannot_leave_their_comment(tmp_path):
    rows = grid()
    for row in rows[1:]:
        row[2] = 'AP\nconfirmed = true\n"""'
    _, read = _drafted(tmp_path, rows)
    assert read["confirmed"] is False


def test_without_a_column_of_patients_it_asks(tmp_path):
    rows = [[*row[:1], *row[2:]] for row in grid()]
    draft, read = _drafted(tmp_path, rows)
    assert any("no column's heading speaks of patients" in one for one in _questions(draft))
    assert read["patient"] is False


def test_the_command_writes_and_never_over_a_file(tmp_path):
    write(tmp_path, as_text(grid()).encode())
    command = [sys.executable, "-m", "input_pipeline", "describe", str(tmp_path / "ours.csv")]
    command += ["--images", str(tmp_path / "images"), "--out", str(tmp_path / "draft.toml")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "set confirmed = true" in done.stdout
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 2 and "exists, and may hold your answers" in again.stderr
