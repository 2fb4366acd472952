"""Declared tables on the whole road: prepared, trained on, tested across each other, compared."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from input_pipeline import __main__ as input_pipeline
from jaxcxr.evaluate import evaluate

ROOT = Path(__file__).parents[3]
STUDY = """
from jaxcxr.study import Grid, Initialization, Study

def get_study():
    return Study(
        name="tables",
        question="?",
        declarations=DECLARATIONS,
        grids=(Grid("paper", ("hospital_a", "hospital_b"), ("tiny", "other"), cross_dataset=True),),
        initializations=(
            Initialization("tiny", "Tiny", CONFIG),
            Initialization("other", "Tiny too", CONFIG, overrides=(("learning_rate", 1e-3),)),
        ),
        least_patients=5,
        resamples=50,
        overrides=(("epochs", 1),),
    )
"""
DECLARATION = """
confirmed = true
name = "NAME"
title = "Hospital X"
[table]
file = "table.csv"
[image]
column = "image"
folders = ["images"]
suffixes = [".png"]
[patient]
column = "patient"
[view]
all = "PA"
[age]
column = "age"
[sex]
column = "sex"
[[label]]
finding = "pneumonia"
column = "Pneumonia"
positive = [1]
negative = [0]
[[label]]
name = "COVID-19"
column = "covid"
positive = ["yes"]
negative = ["no"]
"""
ONLY_A = """
[[label]]
name = "Old fracture"
column = "old"
positive = [1]
negative = [0]
"""
PATIENTS = 90


def _hospital(folder, name, seed, more=""):
    """Pictures on which both findings show, two a patient, the table and its declaration."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    rows = []
    for n in range(2 * PATIENTS):
        pneumonia, covid, old = (int(rng.random() < 0.4) for _ in range(3))
        picture = rng.integers(0, 100, (40, 40)).astype(np.uint8)
        picture[14:28, 14:28] += np.uint8(120 * pneumonia)
        picture[:10, 28:] += np.uint8(120 * covid)
        cv2.imwrite(str(folder / "images" / f"{name[-1]}{n:04}.png"), picture)
        rows.append(
            {"image": f"{name[-1]}{n:04}", "patient": f"{name[-1]}-{n // 2}", "age": 40 + n % 40}
            | {"sex": "FM"[n // 2 % 2], "Pneumonia": pneumonia}
            | {"covid": ["no", "yes"][covid], "old": old}
        )
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    (folder / "table.toml").write_text(DECLARATION.replace("NAME", name) + more)


def _run(command, folder):
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'jaxcxr'}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.slow
def test_a_study_of_declared_tables_tests_across_them(tmp_path):
    _hospital(tmp_path / "hospital_a", "hospital_a", 0, ONLY_A)
    _hospital(tmp_path / "hospital_b", "hospital_b", 1)
    for name in ("hospital_a", "hospital_b"):
        raw, prepared = str(tmp_path / name), str(tmp_path / "data" / name)
        where = ["--raw-dir", raw, "--out-dir", prepared, "--workers", "1"]
        input_pipeline.main(["prepare", "table", "--image-size", "28", *where])
    declarations = tuple(f"hospital_{one}/table.toml" for one in "ab")
    text = STUDY.replace("DECLARATIONS", repr(declarations))
    config = str(ROOT / "tests" / "jaxcxr" / "tiny.py")
    (tmp_path / "study.py").write_text(text.replace("CONFIG", repr(config)))
    _run(["jaxcxr.study", "--study=study.py", "--out", "out"], tmp_path)
    page = (tmp_path / "out" / "report" / "index.html").read_text(encoding="utf-8")
    assert "Hospital X" in page and "is told by the declaration" in page
    # Each model on the other's test set, on the labels that both know, by finding and by name.
    for own, other in (("hospital_a", "hospital_b"), ("hospital_b", "hospital_a")):
        runs = tmp_path / "out" / "runs" / f"{own}-paper-tiny-s0"
        cohort = json.loads((tmp_path / "data" / other / "cohort.json").read_text())
        (found,) = runs.rglob(f"*{other}*.parquet")
        table = pd.read_parquet(found)
        assert [c for c in table if c.startswith("logit:")] == ["logit:Pneumonia", "logit:COVID-19"]
        assert len(table) == cohort["prepared"]["test"]
        assert table["patient_id"].str.startswith(other[-1]).all()
        with (tmp_path / other / "table.csv").open(newline="") as file:
            truth = {row["image"]: int(row["covid"] == "yes") for row in csv.DictReader(file)}
        assert [truth[image] for image in table["image_id"]] == table["label:COVID-19"].tolist()
        evaluate(found, tmp_path / own, resamples=50, plots=False, print_tables=False)
        statistics = json.loads((tmp_path / own / "statistics.json").read_text())
        assert [row["label"] for row in statistics["labels"]] == ["Pneumonia", "COVID-19"]
