"""Predictions made by other tools: nothing of an image, patient or row is mixed up."""

import numpy as np
import pandas as pd
import pytest

from jaxcxr.errors import InputError
from jaxcxr.evaluate import evaluate
from jaxcxr.results.predictions import read_predictions


def rows(images=120, seed=0):
    """Rows of one label, two images a patient, half of them of the test."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, images)
    return pd.DataFrame(
        {
            "image_id": [f"IMG{n:04d}" for n in range(images)],
            "patient_id": [f"P{n // 2:03d}" for n in range(images)],
            "split": ["test" if n // 2 % 2 else "validation" for n in range(images)],
            "view": rng.choice(["PA", "AP"], images),
            "age": rng.integers(20, 90, images).astype(str),
            "sex": rng.choice(["F", "M"], images),
            "label:Edema": truth,
            "score:Edema": np.round(rng.random(images) * 0.6 + truth * 0.3, 3),
        }
    )


def written(folder, frame, name="a.csv"):
    path = folder / name
    frame.to_csv(path, index=False)
    return path


def results(path, out, **options):
    return evaluate(path, out, plots=False, print_tables=False, resamples=50, **options)


def same(found, wanted):
    for name in ("image_id", "patient_id", "split", "view", "sex", "age", "labels", "scores"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)


SPELLINGS = {
    "headings in capitals": lambda f: f.set_axis(
        f.columns.str.replace("_", " ").str.upper(), axis=1
    ).rename(columns={"LABEL:EDEMA": "Label:Edema", "SCORE:EDEMA": "SCORE: Edema"}),
    "blanks around split and patient": lambda f: f.assign(
        split=np.where(f.index % 3 == 0, f["split"] + " ", " " + f["split"]),
        patient_id=np.where(f.index % 2 == 0, f["patient_id"] + " ", f["patient_id"]),
    ),
    "split in capitals": lambda f: f.assign(split=f["split"].str.upper()),
    "sex in words": lambda f: f.assign(sex=f["sex"].map({"F": "Woman", "M": "Man"})),
    "sex in German": lambda f: f.assign(sex=f["sex"].map({"F": "w", "M": "m"})),
    "gender": lambda f: f.rename(columns={"sex": "Gender"}),
    "views in small letters": lambda f: f.assign(view=f["view"].str.lower()),
    "ages with a unit": lambda f: f.assign(age="0" + f["age"] + "Y"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_are_read_as_what_they_mean(spelling, tmp_path):
    wanted = read_predictions(written(tmp_path, rows()))
    same(read_predictions(written(tmp_path, SPELLINGS[spelling](rows()), "b.csv")), wanted)


def at(frame, row, column, value):
    frame = frame.astype({column: object})
    frame.loc[row, column] = value
    return frame


DAMAGES = {
    "patients in two cases": (lambda f: at(f, 2, "patient_id", "p001"), "rows 3 and 4"),
    "zeros lost": (lambda f: at(f, 2, "patient_id", "P1"), "'IMG0002' and 'IMG0003'"),
    "image twice in another spelling": (lambda f: at(f, 3, "image_id", "img2"), "spell one thing"),
    "some patients missing": (lambda f: at(f, 3, "patient_id", "None"), "1 of 120 images"),
    "eaten": (lambda f: at(f, 3, "patient_id", "2.85E+35"), "spreadsheet"),
    "some splits blank": (lambda f: at(f, 3, "split", " "), "1 of 120 images .* have no split"),
    "no image": (lambda f: at(f, 3, "image_id", "nan"), "row 4, column image_id"),
    "sex of no table": (lambda f: at(f, 3, "sex", "h"), "row 4, column sex: 'h'"),
    "no age": (lambda f: at(f, 3, "age", "old"), "row 4, column age: 'old'"),
    "two splits in one": (
        lambda f: f.assign(split="Site A").pipe(at, 3, "split", "site a"),
        "split",
    ),
    "two sexes": (lambda f: f.assign(Gender=f["sex"]), "two columns sex"),
    "misspelt heading": (lambda f: f.rename(columns={"split": "splits"}), "name it split"),
    "label twice": (lambda f: f.assign(**{"Label:Edema": 1}), "two columns"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_descriptions_are_refused(damage, tmp_path):
    spoil, message = DAMAGES[damage]
    with pytest.raises(InputError, match=message) as refused:
        read_predictions(written(tmp_path, spoil(rows())))
    assert "P001" not in str(refused.value) and "p001" not in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda line, n: f"row{n},{line}" if n else line,  # row names
        lambda line, n: f"{line}," if n else line,  # a trailing comma
        lambda line, n: line.rsplit(",", 1)[0] if n == 3 else line,
        lambda line, n: f"x,{line}" if n == 3 else line,
    ],
)
def test_rows_longer_or_shorter_than_the_header_are_refused(change, tmp_path):
    path = written(tmp_path, rows())
    lines = path.read_text().splitlines()
    path.write_text("\n".join(change(line, n) for n, line in enumerate(lines)) + "\n")
    with pytest.raises(InputError, match=r"not a readable CSV .*cells where the header has"):
        read_predictions(path)


def test_words_for_nothing_name_no_patient(tmp_path):
    for word in ("nan", "<NA>", "None", "unknown", ""):
        found = read_predictions(written(tmp_path, rows().assign(patient_id=word)))
        assert found.patients is None
    same_name = rows().assign(patient_id=rows()["image_id"])
    assert read_predictions(written(tmp_path, same_name)).patients is None


def test_ages_of_no_human_are_counted_aloud(tmp_path, capsys):
    path = written(tmp_path, at(at(rows(), 3, "age", "999"), 7, "age", "-1"))
    found = evaluate(path, tmp_path / "out", plots=False, resamples=50)
    assert found["notes"] == ["2 ages outside 0 to 120 years are taken as unknown"]
    assert "2 ages outside 0 to 120" in capsys.readouterr().out
    assert np.isnan(read_predictions(path).age).sum() == 2


def test_patients_that_parquet_holds_as_floats_are_whole_numbers(tmp_path):
    frame = rows().assign(patient_id=np.arange(120) // 2 * 1.0)
    frame.to_parquet(tmp_path / "a.parquet")
    assert read_predictions(tmp_path / "a.parquet").patients[-1] == "59"


def test_a_comparison_needs_named_images(tmp_path):
    ours, theirs = rows(), rows().sample(frac=1, random_state=1)
    theirs["score:Edema"] = theirs["score:Edema"] * 0.9
    first = written(tmp_path, ours)
    named = results(first, tmp_path / "x", against=written(tmp_path, theirs, "b.csv"))
    bare = written(tmp_path, theirs.drop(columns="image_id"), "c.csv")
    with pytest.raises(InputError, match=r"c\.csv has no column image_id"):
        results(first, tmp_path / "y", against=bare)
    with pytest.raises(InputError, match=r"c\.csv has no column image_id"):
        results(bare, tmp_path / "y", against=first)
    # The same images in another spelling are the same images.
    spelled = theirs.assign(image_id=theirs["image_id"].str.lower())
    again = results(first, tmp_path / "z", against=written(tmp_path, spelled, "d.csv"))
    assert again["comparison"]["average"] == named["comparison"]["average"]


def test_a_comparison_needs_the_same_patients_and_one_spelling_of_a_label(tmp_path):
    first, other = written(tmp_path, rows()), rows()
    other["patient_id"] = [f"P{n // 3:03d}" for n in range(len(other))]
    with pytest.raises(InputError, match="'IMG0002' is of another patient in"):
        results(first, tmp_path / "x", against=written(tmp_path, other, "b.csv"))
    two = rows().assign(**{"label:Mass": rows()["label:Edema"], "score:Mass": 0.5})
    other = two.rename(columns={"label:Mass": "label:mass", "score:Mass": "score:mass"})
    pair = written(tmp_path, two, "c.csv"), written(tmp_path, other, "d.csv")
    with pytest.raises(InputError, match=r"label 'Mass' of .* is 'mass' in"):
        results(pair[0], tmp_path / "x", against=pair[1])


def test_a_split_is_found_in_any_case(tmp_path):
    path = written(tmp_path, rows().assign(split="Site B"))
    assert results(path, tmp_path / "out", split="site b")["images"] == 120
