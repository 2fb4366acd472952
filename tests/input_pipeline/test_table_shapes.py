"""Tables of other shapes than a row an image: several rows, lists, several files, JSON, joins."""

import json

import pandas as pd
import pytest

from input_pipeline.cohort import load_cohort
from input_pipeline.tables.text_table import read_text
from jaxcxr.errors import InputError

HEAD = """
confirmed = true
name = "shaped"
title = "Shaped"
"""
REST = """
[patient]
column = "patient"
[view]
column = "view"
frontal = ["PA"]
other = ["LAT"]
assumed = ["", "?"]
[[label]]
name = "Box"
column = "box"
positive_pattern = '[0-9]+(?:;[0-9]+)*'
negative = ["none"]
unknown = ["unsure"]
"""
PLAIN = """
[table]
file = "table.csv"
[image]
column = "image"
several_rows = true
"""
LISTS = """
[table]
file = "table.csv"
lists = ["image", "view"]
[image]
column = "image"
pattern = '(?:\\.\\./)*(.+)'
"""


def _load(folder, middle, rows=None, **options):
    if rows is not None:
        pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    (folder / "table.toml").write_text(HEAD + middle + REST)
    return load_cohort("table", folder, validation_share=0, test_share=0.5, **options)


def _rows():
    """Forty images of twenty patients; every fourth image has a row for each of two readers."""
    rows = []
    for n in range(40):
        row = {
            "image": f"i{n:03}",
            "patient": f"p{n // 2:03}",
            "view": ["PA", "PA", "", "?"][n % 4],
        }
        rows.append(row | {"box": ["3;4", "none", "unsure", "none"][n % 4]})
        if n % 4 == 3:
            rows.append(row | {"box": ["7", "unsure", "none"][n // 4 % 3]})
    return rows


def test_an_image_in_several_rows_is_positive_if_any_is(tmp_path):
    cohort = _load(tmp_path, PLAIN, _rows())
    found = cohort.records.set_index("image_id")["Box"]
    for n in range(40):
        second = [1, -1, 0][n // 4 % 3] if n % 4 == 3 else None
        assert found[f"i{n:03}"] == [1, 0, -1, second][n % 4]
    notes = " ".join(cohort.settings["notes"])
    assert "50 rows stand for 40 images" in notes
    assert "by assumption, 20 blank, ?" in cohort.funnel[1]["step"]
    assert [step["images"] for step in cohort.funnel] == [40, 40]


@pytest.mark.parametrize(("column", "said"), [("patient", "patient_id"), ("view", "view")])
def test_rows_of_one_image_that_differ_are_refused(tmp_path, column, said):
    rows = _rows()
    rows[4][column] = "PA" if column == "view" else "p999"
    with pytest.raises(InputError, match=f"image 'i003': its rows differ in {said}") as error:
        _load(tmp_path, PLAIN, rows)
    assert "p999" not in str(error.value)


def test_an_image_twice_is_refused_where_it_is_not_declared(tmp_path):
    with pytest.raises(InputError, match="is in the release's table twice"):
        _load(tmp_path, PLAIN.replace("several_rows = true", ""), _rows())


def test_a_cell_that_is_no_box_is_refused(tmp_path):
    rows = _rows()
    rows[0]["box"] = "3;"
    with pytest.raises(InputError, match=r"row 2, column box: '3;' is none of"):
        _load(tmp_path, PLAIN, rows)


def _studies():
    """Twenty studies of one to two images in lists, one of none."""
    rows = [
        {"image": str([f"../a/i{n}_{k}.png" for k in range(n % 3)]), "patient": f"p{n}"}
        | {"view": str(["PA", "LAT"][: n % 3]), "box": ["1", "none"][n % 2]}
        for n in range(20)
    ]
    return rows


def test_lists_are_a_row_an_entry(tmp_path):
    cohort = _load(tmp_path, LISTS, _studies())
    records = cohort.records.set_index("image_id")
    wanted = {f"a/i{n}_0.png": n for n in range(20) if n % 3}
    assert set(records.index) == set(wanted)
    for image, n in wanted.items():
        assert records.loc[image, "Box"] == int(n % 2 == 0)
        assert records.loc[image, "patient_id"] == f"p{n}"
        assert records.loc[image, "image_path"] == image
    assert cohort.funnel[0]["images"] == sum(n % 3 for n in range(20))


def test_lists_that_are_blank_name_no_image_and_all_cannot_be(tmp_path):
    rows = _studies()
    rows[2] |= {"image": "", "view": ""}
    cohort = _load(tmp_path, LISTS, rows)
    assert cohort.funnel[0]["images"] == sum(n % 3 for n in range(20)) - 2
    with pytest.raises(InputError, match="are empty throughout"):
        _load(tmp_path, LISTS, [row | {"image": "[]", "view": "[]"} for row in rows])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"view": "['PA', 'LAT', 'PA']"}, r"row 4: its lists image, view are not of one length"),
        ({"view": "PA"}, r"row 4, column view: 'PA' where a list such as"),
        ({"image": "__import__('os').system('true')"}, "where a list such as"),
        ({"image": "[['a'], 'b']"}, "where a list such as"),
        ({"image": "['../../etc/passwd', '..']"}, "a path inside the release"),
    ],
)
def test_lists_that_are_none_are_refused(tmp_path, change, said):
    rows = _studies()
    rows[2] |= change
    with pytest.raises(InputError, match=said):
        _load(tmp_path, LISTS, rows)


def test_several_files_are_one_table_and_tell_the_split(tmp_path):
    rows = _studies()
    for split, some in (("train", rows[:10]), ("val", rows[10:15]), ("test", rows[15:])):
        frame = pd.DataFrame(some)
        frame[frame.columns[:: -1 if split == "val" else 1]].to_csv(
            tmp_path / f"{split}.csv", index=False
        )
    files = ["train.csv", "val.csv", "test.csv"]
    middle = LISTS.replace('"table.csv"', json.dumps(files))
    values = '[split]\ncolumn = "table.file"\n[split.values]\n'
    values += '"train.csv" = "train"\n"val.csv" = "validation"\n"test.csv" = "test"\n'
    cohort = _load(tmp_path, middle + values)
    for row in cohort.records.to_dict("records"):
        n = int(row["patient_id"][1:])
        assert row["split"] == ("train" if n < 10 else "validation" if n < 15 else "test")
    assert set(cohort.settings["tables"]) == {"table.toml", *files}
    pd.DataFrame(rows).drop(columns="box").to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(InputError, match=r"test\.csv has other columns than"):
        _load(tmp_path, middle + values)


def test_joined_rows_that_repeat_count_once_and_keys_may_have_two_names(tmp_path):
    rows = [{"image": f"i{n}", "view": "PA", "box": "1" if n % 2 else "none"} for n in range(20)]
    theirs = [{"name": f"i{n}", "patient": f"p{n // 2}"} for n in range(20) for _ in range(2)]
    pd.DataFrame(theirs).to_csv(tmp_path / "patients.csv", index=False)
    join = '[[join]]\nfile = "patients.csv"\nkey = "image"\ntheir_key = "name"\n'
    cohort = _load(tmp_path, PLAIN + join, rows)
    assert cohort.records["patient_id"].nunique() == 10
    assert "20 rows of" in cohort.settings["notes"][0]
    theirs[1]["patient"] = "p9"
    pd.DataFrame(theirs).to_csv(tmp_path / "patients.csv", index=False)
    with pytest.raises(InputError, match="stands there twice"):
        _load(tmp_path, PLAIN + join, rows)
    with pytest.raises(InputError, match="lacks the column nam, a key of the join"):
        _load(tmp_path, PLAIN + join.replace('"name"', '"nam"'), rows)


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".json.gz"])
def test_every_form_of_json_is_one_table(tmp_path, suffix):
    objects = [
        {"id": "007", "n": 1.0, "long": 12345678901234567890, "none": None, "yes": True},
        {"id": "008", "n": -1, "list": ["a", None], "of": {"b": 1}},
    ]
    wanted = [["007", "1.0", "12345678901234567890", "", "TRUE", "", ""]]
    wanted += [["008", "-1", "", "", "", "['a', '']", '{"b": "1"}']]
    texts = {
        "array": json.dumps(objects),
        "lines": "\n".join(map(json.dumps, objects)),
        "object": json.dumps({one["id"]: one for one in objects}),
    }
    for name, text in texts.items():
        path = tmp_path / f"{name}{suffix}"
        content = text.encode("utf-8-sig")
        if suffix.endswith("gz"):
            import gzip

            content = gzip.compress(content)
        path.write_bytes(content)
        table = read_text(path)
        if name == "object":
            assert table.pop("key").tolist() == ["007", "008"]
        assert table.to_numpy().tolist() == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no JSON"),
        ('{"a": 1', "it is no JSON"),
        ('{"a": 1}\n{"a": 2', "line 2 is no JSON"),
        ("[1, 2]", "entry 1 is no object"),
        ("[]", "is no array of objects"),
        ('"text"', "is no array of objects"),
        ('[{"a": 1, "a": 2}]', "two members 'a'"),
        ('[{"a": 1, "A": 2}]', "two columns have the same name"),
        ('{"x": {"key": 1}}', "has a member 'key'"),
        ("[" * 100_000, "too deep"),
        ('{"a": 1}\n' + "[" * 100_000, "line 2 lies too deep"),
    ],
)
def test_json_that_is_no_table_is_refused(tmp_path, text, said):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(InputError, match=said) as error:
        read_text(tmp_path / "t.json")
    assert "is not a readable JSON table" in str(error.value) and "\n" not in str(error.value)
