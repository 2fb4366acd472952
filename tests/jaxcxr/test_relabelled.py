"""Old predictions under other labels: joined by image, counted, and compared with scikit-learn."""

import csv
import gzip
import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_predictions import table_of, write_parquet
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from jaxcxr.errors import InputError
from jaxcxr.evaluate import evaluate

ROOT = Path(__file__).parents[2]
QUICK = {"plots": False, "print_tables": False, "resamples": 20}


def _experts(frame, seed=3):
    """Another reader's labels for most images in another order, and for some that are not there."""
    rng = np.random.default_rng(seed)
    other = frame[["image_id"]].assign(
        Cardiomegaly=np.where(
            rng.random(len(frame)) < 0.2,
            1 - frame["label:Cardiomegaly"],
            frame["label:Cardiomegaly"],
        ),
        Effusion=rng.choice(["0", "1", ""], len(frame)),
    )
    more = pd.DataFrame({"image_id": ["else1", "else2"], "Cardiomegaly": 1, "Effusion": "0"})
    return pd.concat([other.sample(frac=0.8, random_state=0), more])


def test_metrics_are_of_the_new_labels_and_agreement_is_told(tmp_path, capsys):
    frame = table_of()
    path = write_parquet(tmp_path / "p.parquet", frame)
    experts = _experts(frame)
    experts.to_csv(tmp_path / "experts.csv", index=False)
    evaluate(path, tmp_path / "out", labels=tmp_path / "experts.csv", **QUICK | {"print_tables": 1})
    told = json.loads((tmp_path / "out" / "statistics.json").read_text())
    both = frame.merge(experts, on="image_id")
    assert (told["labels_from"]["left"], told["labels_from"]["left_alone"]) == (400, 80)
    assert (told["labels_from"]["right"], told["labels_from"]["right_alone"]) == (322, 2)
    assert told["labels_from"]["left_out"] == ["Hernia", "[Nodule]"]
    first, second = told["labels_from"]["agreement"]
    kappa = cohen_kappa_score(both["label:Cardiomegaly"], both["Cardiomegaly"])
    assert first["label"] == "Cardiomegaly" and first["images"] == 320
    assert first["kappa"] == pytest.approx(kappa)
    assert first["kappa_low"] < kappa < first["kappa_high"]
    known = both[both["label:Effusion"].ge(0) & both["Effusion"].ne("")]
    assert second["images"] == len(known)
    test = both[both["split"].eq("test")]
    rows = {row["label"]: row["metrics"]["auc"]["value"] for row in told["labels"]}
    auc = roc_auc_score(test["Cardiomegaly"], test["logit:Cardiomegaly"])
    assert rows["Cardiomegaly"] == pytest.approx(auc)
    said = capsys.readouterr().out
    assert "320 of 400 images have them; 2 of its 322 images are not here" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.assign(image_id="x" + t["image_id"]), "has none of the 400 images"),
        (lambda t: t[["image_id"]].assign(Edema=1), "has no label of"),
        (lambda t: t.assign(Cardiomegaly=2), "where 1, 0, -1 or blank is expected"),
        (lambda t: pd.concat([t, t.head(1)]), "stands there twice"),
        (lambda t: t.rename(columns={"image_id": "name"}), "lacks the column image_id"),
    ],
)
def test_labels_that_do_not_belong_are_refused(tmp_path, change, said):
    frame = table_of()
    path = write_parquet(tmp_path / "p.parquet", frame)
    change(_experts(frame)).to_csv(tmp_path / "experts.csv", index=False)
    with pytest.raises(InputError, match=said):
        evaluate(path, tmp_path / "out", labels=tmp_path / "experts.csv", **QUICK)


def test_googles_labels_for_the_nih_images(tmp_path):
    """The counts of the published table, and agreement with NIH's own labels, row by row."""
    # Found without importing the package, which needs torch's libraries.
    found = importlib.util.find_spec("torchxrayvision")
    if found is None:
        pytest.skip("torchxrayvision absent: pip install 'jaxcxr[test]'")
    wheel = Path(found.origin).parent / "data"
    name = "google2019_nih-chest-xray-labels.csv.gz"
    shutil.copy(wheel / name, tmp_path / name)
    shutil.copy(ROOT / "configs/tables/nih_google.toml", tmp_path)
    with gzip.open(tmp_path / name, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4376
    assert [sum(row["Set Id"] == one for row in rows) for one in ("val", "test")] == [2414, 1962]
    frame = pd.DataFrame(
        {
            "image_id": [row["Image Index"] for row in rows],
            "patient_id": [row["Patient ID"] for row in rows],
            "split": "test",
            "label:Pneumothorax": [int("Pneumothorax" in row["Finding Labels"]) for row in rows],
            "label:Airspace opacity": -1,
            "label:Fracture": 0,
            "label:Nodule/Mass": [
                int(bool({"Nodule", "Mass"} & set(row["Finding Labels"].split("|"))))
                for row in rows
            ],
        }
    )
    for label in [column for column in frame if column.startswith("label:")]:
        frame[label.replace("label:", "logit:")] = np.linspace(-1, 1, len(frame))
    path = write_parquet(tmp_path / "p.parquet", frame)
    told = evaluate(path, tmp_path / "out", labels=tmp_path / "nih_google.toml", **QUICK)
    assert told["labels_from"]["left_alone"] == told["labels_from"]["right_alone"] == 0
    agreed = {row["label"]: row for row in told["labels_from"]["agreement"]}
    positives = {"Pneumothorax": 238, "Fracture": 186, "Nodule/Mass": 605}
    for label, count in positives.items():
        assert agreed[label]["both"] + agreed[label]["second_only"] == count
    with (tmp_path / "out" / "labels.csv").open(newline="") as file:
        counts = {
            row["label"]: int(row["positives"])
            for row in csv.DictReader(file)
            if row["label"] in (*positives, "Airspace opacity")
        }
    assert counts == positives | {"Airspace opacity": 2166}
    expert = [int(row["Pneumothorax"] == "YES") for row in rows]
    kappa = cohen_kappa_score(frame["label:Pneumothorax"], expert)
    assert agreed["Pneumothorax"]["kappa"] == pytest.approx(kappa)
