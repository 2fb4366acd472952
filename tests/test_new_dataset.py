"""A dataset is added by touching what CONTRIBUTING.md names, and nothing else."""

import csv
import json
import os
import shutil
import subprocess
import sys

import pytest
from documented import ROOT

NAME = "toy_cxr"
READER = '''"""Reads the toy's release, which is laid out as a hospital's table."""

from input_pipeline.datasets.uka_cxr import *  # noqa: F403
'''
LAYOUT = '''"""Writes a phantom release of the toy."""

from input_pipeline.phantom.releases.uka_cxr import *  # noqa: F403
'''
# In labels.py: its name, its title and its label set.
LABELS = (
    ("DATASETS = (", f'DATASETS = ("{NAME}", '),
    ("PAPER_DATASETS = {", f'PAPER_DATASETS = {{\n    "{NAME}": "Toy CXR",'),
    ("TRAINED = {", f'TRAINED = {{\n    "{NAME}": ("cardiomegaly", "congestion"),'),
)


@pytest.fixture
def run(tmp_path):
    """The program with the toy added, in a copy; returns what a command of it printed."""
    for package in ("input_pipeline", "jaxcxr"):
        shutil.copytree(ROOT / package, tmp_path / package)
    package = tmp_path / "input_pipeline"
    (package / "datasets" / f"{NAME}.py").write_text(READER)
    (package / "phantom" / "releases" / f"{NAME}.py").write_text(LAYOUT)
    labels = (package / "labels.py").read_text()
    for before, after in LABELS:
        assert labels.count(f"\n{before}") == 1
        labels = labels.replace(f"\n{before}", f"\n{after}")
    (package / "labels.py").write_text(labels)

    def run(command):
        done = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_a_new_dataset_is_drawn_counted_and_prepared(run, tmp_path):
    run(f"input_pipeline phantom {NAME} --out-dir raw --images 60 --size 64")
    said = run(f"input_pipeline cohort {NAME} --raw-dir raw --tables tables")
    assert "Cardiomegaly" in said and "Atelectasis" not in said.split("Table 2")[0]
    with (tmp_path / "tables" / "table1.csv").open(newline="") as file:
        (first, *_) = csv.DictReader(file)
    assert (first["paper"], first["explanation"]) == ("", "the paper has no such dataset")
    run(f"input_pipeline compare-rules {NAME} --raw-dir raw")
    run(f"input_pipeline prepare {NAME} --raw-dir raw --out-dir data --image-size 32")
    cohort = json.loads((tmp_path / "data" / "cohort.json").read_text())
    assert cohort["dataset"] == NAME and cohort["labels"] == ["Cardiomegaly", "Congestion"]
