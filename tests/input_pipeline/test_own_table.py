"""A declared table: its cohort against one made by hand, and what a declaration may not say."""

import csv
import json
import subprocess
import sys

import numpy as np
import openpyxl
import pandas as pd
import pytest
from own_tables import DECLARATION, HEADER, as_text, cohort_of, grid, truth, write

from input_pipeline.cohort import cohort_json, load_cohort
from input_pipeline.tables import raw_tables
from input_pipeline.tables.text_table import read_text
from jaxcxr.errors import InputError
from jaxcxr.training.augment import mirror_labels


def test_the_cohort_is_the_one_made_by_hand(tmp_path):
    write(tmp_path, as_text(grid()).encode())
    cohort = load_cohort("table", tmp_path)
    assert cohort_of(cohort) == truth(grid())
    assert cohort.dataset == "own_cxr" and cohort.label_rules == "declared"
    assert cohort.labels == ("Effusion right", "Effusion left", "Pneumonia", "COVID-19")
    assert mirror_labels(cohort.labels).tolist() == [1, 0, 2, 3]
    rows = grid()[1:]
    frontal = [row for row in rows if row[2] in ("PA", "AP erect")]
    read = [row for row in frontal if row[8] != "0"]
    funnel = cohort_json(cohort)["funnel"]
    assert [step["images"] for step in funnel] == [len(rows), len(frontal), len(read)]
    assert [step["patients"] for step in funnel] == [
        len({row[1][:5] for row in some}) for some in (rows, frontal, read)
    ]
    assert set(cohort.settings["tables"]) == {"table.toml", "ours.csv"}
    paths = dict(zip(cohort.records["image_id"], cohort.records["image_path"], strict=True))
    assert {path.rpartition(".")[0].removeprefix("images/") for path in paths.values()} == {*paths}
    assert all((tmp_path / path).is_file() for path in paths.values())


def test_a_patients_images_stand_in_one_split(tmp_path):
    write(tmp_path, as_text(grid()).encode())
    records = load_cohort("table", tmp_path).records
    assert records.groupby("patient_id")["split"].nunique().max() == 1
    assert records["patient_id"].nunique() < len(records)


def _xlsx(rows, path):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)


def test_every_form_of_the_table_gives_the_same_cohort(tmp_path):
    rows = grid()
    forms = {
        "bom": (as_text(rows).encode("utf-8-sig"), ""),
        "crlf": (as_text(rows, line_end="\r\n").encode(), ""),
        "semicolons": (as_text(rows, ";").encode(), ""),
        "tabs": (as_text(rows, "\t").encode(), ""),
        "quoted": (as_text(rows, quoting=csv.QUOTE_ALL).encode(), ""),
        "utf16": (as_text(rows).encode("utf-16"), ""),
        "latin1": (as_text(rows, ";").encode("latin-1"), 'encoding = "latin-1"'),
        "commas": (
            as_text([[c.replace("7.5", "7,5") for c in row] for row in rows], ";").encode(),
            "",
        ),
    }
    for name, (content, form) in forms.items():
        write(tmp_path / name, content, form=form)
        assert cohort_of(load_cohort("table", tmp_path / name)) == truth(rows), name
    write(tmp_path / "xlsx", None, name="ours.xlsx")
    typed = [
        [float(c) if c.replace(".", "").isdigit() and len(c) < 4 else c for c in row]
        for row in rows
    ]
    _xlsx(typed, tmp_path / "xlsx" / "ours.xlsx")
    assert cohort_of(load_cohort("table", tmp_path / "xlsx")) == truth(rows)
    write(tmp_path / "parquet", None, name="ours.parquet")
    frame = pd.DataFrame(rows[1:], columns=HEADER)
    frame["Score"] = frame["Score"].astype(float)
    frame["Findings"] = frame["Findings"].replace("", None)
    frame.to_parquet(tmp_path / "parquet" / "ours.parquet")
    assert cohort_of(load_cohort("table", tmp_path / "parquet")) == truth(rows)


def test_latin_1_is_not_guessed(tmp_path):
    write(tmp_path, as_text(grid()).encode("latin-1"))
    with pytest.raises(InputError, match=r"row \d+ is not UTF-8 text; export it as UTF-8"):
        load_cohort("table", tmp_path)


def test_a_table_that_reads_in_two_ways_is_refused(tmp_path):
    (tmp_path / "two.csv").write_text("a;b,c\n1;2,3\n")
    with pytest.raises(InputError, match="separated by comma and semicolon"):
        read_text(tmp_path / "two.csv")


def test_thousands_of_columns(tmp_path):
    header, rows = [f"c{n}" for n in range(5000)], [["x" * 300] * 5000 for _ in range(3)]
    (tmp_path / "wide.csv").write_text(as_text([header, *rows]))
    table = read_text(tmp_path / "wide.csv")
    assert table.shape == (3, 5000) and table.eq("x" * 300).to_numpy().all()


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([["a", "b"], ["=1+1", "x"]], "row 2 holds a formula without a value"),
        ([["a", ""], ["1", "2"]], "row 2 has cells in a column without a heading"),
        ([["a", "a"], ["1", "2"]], "two columns have the same name"),
        ([], "the file is empty"),
    ],
)
def test_a_workbook_that_is_no_table_is_refused(tmp_path, cells, said):
    _xlsx(cells, tmp_path / "t.xlsx")
    with pytest.raises(InputError, match=said):
        read_text(tmp_path / "t.xlsx")


def test_a_workbook_keeps_numbers_and_shows_dates(tmp_path):
    _xlsx(
        [["id", "n", "d", "b"], ["0012", 12.0, pd.Timestamp("2026-01-02").to_pydatetime(), True]],
        tmp_path / "t.xlsx",
    )
    assert read_text(tmp_path / "t.xlsx").iloc[0].tolist() == ["0012", "12", "02-Jan-2026", "TRUE"]
    with pytest.raises(InputError, match=r"row 2, column d: .* a spreadsheet made"):
        raw_tables.identifiers(tmp_path, "d", read_text(tmp_path / "t.xlsx")["d"])
    (tmp_path / "bad.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    with pytest.raises(InputError, match=r"bad\.xlsx is not a readable Excel table"):
        read_text(tmp_path / "bad.xlsx")


def test_the_six_readers_read_a_workbook(tmp_path):
    command = [sys.executable, "-m", "input_pipeline", "phantom", "uka_cxr", "--images", "40"]
    subprocess.run([*command, "--out-dir", str(tmp_path / "raw"), "--size", "64"], check=True)
    (path,) = (tmp_path / "raw").rglob("uka_cxr.csv")
    before = load_cohort("uka_cxr", tmp_path / "raw").records
    with path.open(newline="", encoding="utf-8") as file:
        _xlsx(list(csv.reader(file)), path.with_suffix(".xlsx"))
    path.unlink()
    pd.testing.assert_frame_equal(load_cohort("uka_cxr", tmp_path / "raw").records, before)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("confirmed = true", "confirmed = false", "a draft; answer its questions"),
        ("confirmed = true", "", "confirmed: Field required"),
        ('name = "own_cxr"', 'name = "padchest"', "is another dataset's"),
        ('name = "own_cxr"', 'name = "Our CXR"', "name: String should match pattern"),
        ("[sex]", "[gender]", "gender: no such key is known here"),
        ('side = "left"', "", "'Effusion' is of the left side by its words"),
        ('name = "COVID-19"', 'name = "Edema"', "write finding = 'edema'"),
        ('finding = "pneumonia"', 'finding = "pneumnia"', "is no id of the vocabulary"),
        ('negative = ["no"]', 'negative = ["no", "YES"]', "'YES' stands there twice"),
        ('negative = ["no"]', 'negative = ["never"]', "'[Nn]o' is none of the declaration's words"),
        ('ignored = ["rib", "old rib"]', 'ignored = ["rib"]', "is none of the declaration's words"),
        ('other = ["LAT", ""]', 'other = ["LAT"]', "where one of view.frontal, other or assumed"),
        (
            'frontal = ["PA"',
            'frontal = ["", "PA"',
            "a blank does not tell the view; put it in assumed",
        ),
        ('"50+" = ""', '"60+" = ""', r"'50\+' where an age in years"),
        ("[ab]?'", "[a]?'", "does not match the declared pattern"),
        ("[ab]?'", "[ab?'", "is no regular expression"),
        ('folders = ["images"]', 'folders = ["../x"]', "leaves the folder"),
        ('folders = ["images"]', 'folders = ["pictures"]', "no folder pictures is in"),
        ('file = "ours.csv"', 'file = "../ours.csv"', "where a path inside the release"),
        ('column = "Score"', 'column = "Scores"', "lacks the declared column 'Scores'"),
        ("title =", "title", "no readable TOML"),
    ],
)
def test_what_a_declaration_may_not_say(tmp_path, before, after, said):
    write(tmp_path, as_text(grid()).encode())
    text = (tmp_path / "table.toml").read_text()
    assert before in text
    (tmp_path / "table.toml").write_text(text.replace(before, after, 1))
    with pytest.raises(InputError, match=said) as error:
        load_cohort("table", tmp_path)
    assert "\n" not in str(error.value)


def test_options_that_a_declaration_decides_are_refused(tmp_path):
    write(tmp_path, as_text(grid()).encode())
    with pytest.raises(InputError, match="the declaration alone says what a label is"):
        load_cohort("table", tmp_path, label_rules="curated")
    with pytest.raises(InputError, match="--declaration is of the dataset table"):
        load_cohort("padchest", tmp_path, declaration=tmp_path / "table.toml")
    (tmp_path / "table.toml").unlink()
    with pytest.raises(InputError, match=r"no such declaration; .* describe"):
        load_cohort("table", tmp_path)


def test_an_image_with_two_files_is_refused_and_one_without_is_told(tmp_path):
    write(tmp_path, as_text(grid()).encode())
    (tmp_path / "images" / "IM0001.jpg").unlink()
    assert "1 images have no file" in load_cohort("table", tmp_path).settings["notes"][0]
    (tmp_path / "images" / "IM0002.png").touch()
    with pytest.raises(InputError, match=r"row 4: images/IM0002.png and images/IM0002.jpg could"):
        load_cohort("table", tmp_path)


def _in_two_tables(folder, lose=0):
    """The findings in a table of their own, joined by the patient's number, and lists in it."""
    rows = grid()
    write(folder, as_text([row[:5] + row[6:] for row in rows]).encode())
    terms = [[row[0], str(row[5].split("|")) if row[5] else ""] for row in rows[1 : 121 - lose]]
    (folder / "findings.csv").write_text(as_text([["image", "Findings"], *terms]))
    join = '[[join]]\nfile = "findings.csv"\nkey = "Image"\n'
    text = DECLARATION.replace("FILE", "ours.csv").replace("FORM", "") + join
    (folder / "table.toml").write_text(text.replace('separator = "|"', 'separator = "list"'))
    return rows


def test_tables_joined_by_a_key(tmp_path):
    rows = _in_two_tables(tmp_path)
    cohort = load_cohort("table", tmp_path)
    assert cohort_of(cohort) == truth(rows)
    (joined,) = cohort.settings["joins"]
    assert (joined["left"], joined["left_alone"], joined["right_alone"]) == (120, 0, 0)
    assert set(cohort.settings["tables"]) == {"table.toml", "ours.csv", "findings.csv"}


def test_tables_that_do_not_belong_together_are_refused(tmp_path):
    _in_two_tables(tmp_path, lose=20)
    with pytest.raises(InputError, match=r"20 of 120 in .* are not in"):
        load_cohort("table", tmp_path)


def test_a_cell_is_never_run(tmp_path):
    rows = _in_two_tables(tmp_path)
    evil = "__import__('os').system('touch evil')"
    terms = [[row[0], evil] for row in rows[1:]]
    (tmp_path / "findings.csv").write_text(as_text([["image", "Findings"], *terms]))
    with pytest.raises(InputError, match="a list such as"):
        load_cohort("table", tmp_path)


def test_a_published_split_is_followed(tmp_path):
    rows = [
        [*row, "fold"] if n == 0 else [*row, ["dev", "train", "test"][(n - 1) // 3 % 3]]
        for n, row in enumerate(grid())
    ]
    write(tmp_path, as_text(rows).encode())
    with (tmp_path / "table.toml").open("a") as file:
        file.write('[split]\ncolumn = "fold"\n')
    cohort = load_cohort("table", tmp_path)
    wanted = {row[0]: {"dev": "validation"}.get(row[-1], row[-1]) for row in rows[1:]}
    assert cohort.settings["split"] == "official"
    assert all(wanted[row.image_id] == row.split for row in cohort.records.itertuples())


def test_prepared_like_any_dataset(tmp_path):
    import cv2

    write(tmp_path, as_text(grid()).encode())
    for n, path in enumerate(sorted((tmp_path / "images").iterdir())):
        picture = np.random.default_rng(n).integers(0, 255, (32, 30), np.uint8)
        cv2.imwrite(str(path), cv2.GaussianBlur(picture, (9, 9), 3))
    command = [sys.executable, "-m", "input_pipeline", "prepare", "table", "--image-size", "32"]
    where = ["--raw-dir", str(tmp_path), "--out-dir", str(tmp_path / "out"), "--workers", "1"]
    done = subprocess.run([*command, *where], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    described = json.loads((tmp_path / "out" / "cohort.json").read_text())
    assert described["dataset"] == "own_cxr" and described["rejected"] == 0
    records = pd.read_parquet(tmp_path / "out" / "records.parquet")
    made = {row["image_id"]: int(row["COVID-19"]) for row in records.to_dict("records")}
    assert made == {image: labels[-1] for image, labels in truth(grid()).items()}


@pytest.mark.data
def test_covid_figure1_against_its_own_table(shared_data):
    """Counted here from the published table with csv alone."""
    folder = shared_data / "covid_figure1"
    with (folder / "metadata.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    cohort = load_cohort("table", folder, declaration="configs/tables/covid_figure1.toml")
    records = cohort.records.set_index("image_id")
    assert len(rows) == len(records) == 55
    for label, word in (("COVID-19", "COVID-19"), ("No finding (healthy)", "No finding")):
        for row in rows:
            wanted = -1 if not row["finding"] else int(row["finding"] == word)
            assert records.loc[row["patientid"], label] == wanted
    for row in rows:
        found = records.loc[row["patientid"]]
        assert found["patient_id"] == row["patientid"].rstrip("abc")
        assert found["sex"] == row["sex"]
        assert (folder / found["image_path"]).is_file()
        assert found["age"] == float(row["age"]) if row["age"].isdigit() else np.isnan(found["age"])
    assert records["patient_id"].nunique() == 48
    assert records.groupby("patient_id")["split"].nunique().max() == 1
