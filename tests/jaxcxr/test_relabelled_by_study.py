"""Radiologists' test sets as published: joined by image or study, and patients compared."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_predictions import write_parquet
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from input_pipeline.datasets.chexpert_labels import FINDINGS
from jaxcxr.errors import InputError
from jaxcxr.evaluate import evaluate

TABLES = Path(__file__).parents[2] / "configs" / "tables"
QUICK = {"plots": False, "print_tables": False, "resamples": 20}
LABELS = ("Cardiomegaly", "Lung opacity", "Edema")
COLUMNS = {"Cardiomegaly": "Cardiomegaly", "Lung opacity": "Airspace Opacity", "Edema": "Edema"}


def _predictions(names, seed=0):
    """Predictions of three labels for images named by `(image, patient, study)`."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(names, columns=["image_id", "patient_id", "study_id"]).assign(split="test")
    for label in LABELS:
        frame[f"label:{label}"] = rng.integers(0, 2, len(frame))
        frame[f"logit:{label}"] = rng.normal(size=len(frame)).astype(np.float32)
    return frame


def _mimic(studies=80):
    """Two or three images a study, two studies a patient."""
    return [
        (f"d{n:07x}-{k}", f"{10_000_000 + n // 2}", f"{50_000_000 + n}")
        for n in range(studies)
        for k in range(2 + n % 2)
    ]


def _marked(keys, column, seed=1):
    """A publisher's table: fourteen marks for each key."""
    rng = np.random.default_rng(seed)
    names = ["Airspace Opacity" if name == "Lung Opacity" else name for name in FINDINGS]
    marks = rng.choice(["1.0", "0.0", "-1.0", ""], (len(keys), len(names)), p=(0.4, 0.3, 0.1, 0.2))
    return pd.DataFrame(marks, columns=names).assign(**{column: list(keys)})


def test_mimics_radiologist_by_study(tmp_path, capsys):
    frame = _predictions(_mimic())
    path = write_parquet(tmp_path / "p.parquet", frame)
    table = _marked([*frame["study_id"].unique()[10:], "59999999"], "study_id").sample(
        frac=1, random_state=0
    )
    table.drop(columns="No Finding").to_csv(
        tmp_path / "mimic-cxr-2.1.0-test-set-labeled.csv", index=False
    )
    shutil.copy(TABLES / "mimic_test.toml", tmp_path)
    told = evaluate(
        path,
        tmp_path / "out",
        labels=tmp_path / "mimic_test.toml",
        **QUICK | {"print_tables": True},
    )
    from_ = told["labels_from"]
    lost = int(frame["study_id"].isin(frame["study_id"].unique()[:10]).sum())
    assert (from_["by"], from_["left"], from_["left_alone"]) == ("study", 80, 10)
    assert (from_["right"], from_["right_alone"]) == (71, 1)
    assert (from_["images"], from_["images_matched"]) == (len(frame), len(frame) - lost)
    both = frame.merge(table, on="study_id")
    for row in from_["agreement"]:
        meant = both[COLUMNS[row["label"]]].map({"1.0": 1, "0.0": 0, "": 0, "-1.0": -1})
        known = meant.ge(0)
        before = both[f"label:{row['label']}"][known]
        assert row["images"] == known.sum()
        assert row["kappa"] == pytest.approx(cohen_kappa_score(before, meant[known]))
        assert row["kappa_low"] < row["kappa"] < row["kappa_high"]
        auc = roc_auc_score(meant[known], both[f"logit:{row['label']}"][known])
        (metrics,) = (one["metrics"] for one in told["labels"] if one["label"] == row["label"])
        assert metrics["auc"]["value"] == pytest.approx(auc)
    said = " ".join(capsys.readouterr().out.split())
    assert f"{len(frame) - lost} of {len(frame)} images (70 of 80 studies) have them" in said
    assert "1 of its 71 studies are not here" in said


def _chexpert(studies=40):
    return [
        (
            f"test/patient{64741 + n // 2}/study{n % 2 + 1}/view{k + 1}_frontal.jpg",
            f"patient{64741 + n // 2}",
            f"patient{64741 + n // 2}/study{n % 2 + 1}",
        )
        for n in range(studies)
        for k in range(1 + n % 2)
    ]


@pytest.mark.parametrize("prefix", ["CheXpert/", "CheXpert-v1.0-small/", ""])
def test_chexperts_radiologists_by_image(tmp_path, prefix):
    frame = _predictions(_chexpert())
    path = write_parquet(tmp_path / "p.parquet", frame)
    table = _marked(prefix + frame["image_id"].iloc[5:], "Path").replace({"-1.0": "0", "": "0"})
    table.to_csv(tmp_path / "test_labels.csv", index=False)
    shutil.copy(TABLES / "chexpert_test.toml", tmp_path)
    told = evaluate(path, tmp_path / "out", labels=tmp_path / "chexpert_test.toml", **QUICK)
    assert told["labels_from"]["by"] == "image"
    assert (told["labels_from"]["left_alone"], told["labels_from"]["right_alone"]) == (5, 0)
    positives = {row["label"]: row["both"] + row["second_only"] for row in _agreed(told)}
    assert positives == {one: int(table[COLUMNS[one]].eq("1.0").sum()) for one in LABELS}


def test_chexperts_studies(tmp_path):
    """The alternative that the declaration holds as a comment."""
    frame = _predictions(_chexpert())
    path = write_parquet(tmp_path / "p.parquet", frame)
    studies = "CheXpert-v1.0/test/" + frame["study_id"].drop_duplicates()
    table = _marked(studies, "Study").replace({"-1.0": "0", "": "0"})
    table.to_csv(tmp_path / "test_labels.csv", index=False)
    text = (TABLES / "chexpert_test.toml").read_text()
    images, rest = text.index("\n[image]"), text.index("\n# [study]")
    lines = [line.removeprefix("# ") for line in text[rest:].splitlines()]
    (tmp_path / "studies.toml").write_text(text[:images] + "\n".join(lines))
    told = evaluate(path, tmp_path / "out", labels=tmp_path / "studies.toml", **QUICK)
    assert told["labels_from"]["by"] == "study" and told["labels_from"]["left_alone"] == 0
    assert told["labels_from"]["images_matched"] == len(frame)


def _agreed(told):
    return told["labels_from"]["agreement"]


def _plain(frame, by="study_id"):
    """A plain table of one's own, with the patient of each study."""
    table = frame.drop_duplicates(by)[[by, "patient_id"]]
    return table.assign(Edema=[str(n % 2) for n in range(len(table))])


def test_a_plain_table_by_study(tmp_path):
    frame = _predictions(_mimic())
    path = write_parquet(tmp_path / "p.parquet", frame)
    _plain(frame).to_csv(tmp_path / "experts.csv", index=False, quoting=csv.QUOTE_ALL)
    told = evaluate(path, tmp_path / "out", labels=tmp_path / "experts.csv", **QUICK)
    assert told["labels_from"]["by"] == "study" and told["labels_from"]["left_alone"] == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda frame, table: (
                frame,
                table.assign(patient_id=table["patient_id"].iloc[::-1].to_numpy()),
            ),
            "another patient there than here",
        ),
        (
            lambda frame, table: (frame.drop(columns="study_id"), table),
            "names no studies .*predict again",
        ),
        (
            lambda frame, table: (frame, pd.concat([table, table.head(1)])),
            "stands there twice",
        ),
        (
            lambda frame, table: (frame, table.assign(study_id="6" + table["study_id"].str[1:])),
            "has none of the 80 studies",
        ),
        (
            lambda frame, table: (frame, table.drop(columns="study_id")),
            "lacks the column image_id",
        ),
    ],
)
def test_labels_of_other_studies_or_patients_are_refused(tmp_path, change, said):
    frame, table = change(_predictions(_mimic()), _plain(_predictions(_mimic())))
    path = write_parquet(tmp_path / "p.parquet", frame)
    table.to_csv(tmp_path / "experts.csv", index=False)
    with pytest.raises(InputError, match=said) as error:
        evaluate(path, tmp_path / "out", labels=tmp_path / "experts.csv", **QUICK)
    assert not any(patient in str(error.value) for patient in frame["patient_id"])


def test_a_patient_of_another_study_is_refused_by_image(tmp_path):
    frame = _predictions(_mimic())
    path = write_parquet(tmp_path / "p.parquet", frame)
    table = _plain(frame, "image_id").assign(
        study_id=frame["study_id"], patient_id=frame["patient_id"]
    )
    table.loc[3, "study_id"] = "50000070"
    table.to_csv(tmp_path / "experts.csv", index=False)
    with pytest.raises(InputError, match="another study there than here"):
        evaluate(path, tmp_path / "out", labels=tmp_path / "experts.csv", **QUICK)
