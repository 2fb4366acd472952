"""`python -m jaxcxr.study`: what is printed, what is written, how it exits."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from study.left_by_run import leave
from study.synthetic_pair import paired

from jaxcxr.files import sha256
from jaxcxr.run.directory import STATISTICS, WEIGHTS
from jaxcxr.study.__main__ import main
from jaxcxr.study.planning.definition import read_study
from jaxcxr.study.planning.grid import plan_study

ROOT = Path(__file__).parents[3]

# The paper's comparison on one dataset.
STUDY = """
from jaxcxr.study.planning.definition import Grid, Initialization, Study

def get_study():
    return Study(
        name="small",
        question="?",
        grids=(Grid("paper", ("uka_cxr",), ("dinov2", "imagenet21k")),),
        initializations=(
            Initialization("dinov2", "DINOv2", "configs/{dataset}_dinov2.py"),
            Initialization("imagenet21k", "ImageNet-21K", "configs/{dataset}_imagenet21k.py"),
        ),
        prepared=PREPARED,
        resamples=100,
    )
"""
CELLS = ("uka_cxr-paper-dinov2-s0", "uka_cxr-paper-imagenet21k-s0")


def _write_run(experiment, one, which):
    frame = {"image_id": [str(row) for row in range(len(one.labels))]}
    frame |= {"patient_id": one.patients, "split": "test", "view": "AP", "age": 50.0, "sex": "F"}
    for column, name in enumerate(one.label_names):
        frame[f"label:{name}"] = one.labels[:, column]
        frame[f"logit:{name}"] = one.scores[which, 0, :, column]
    leave(experiment, pd.DataFrame(frame), recipe="paper", tool_version="1")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A study file, and its directory with both runs finished."""
    monkeypatch.chdir(ROOT)
    file, out = tmp_path / "small.py", tmp_path / "out"
    file.write_text(STUDY.replace("PREPARED", repr(str(tmp_path / "data/{data}"))))
    plan = plan_study(read_study(file), out)
    for which, name in enumerate(CELLS):
        _write_run(plan.experiments[name], paired("uka_cxr"), which)
    return file, out


def _main(file, out, *more):
    main([f"--study={file}", f"--out={out}", *more])


def _read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_finished_runs_become_a_report_that_agrees_with_the_paper(small, capsys):
    file, out = small
    _main(file, out)
    said = capsys.readouterr().out
    assert "2 of the study's 2 experiments are done; 0 ran now" in said
    assert "UKA-CXR: mean AUC " in said
    rows = [row for row in _read(out / "report/table_s5.csv") if row["metric"] == "auc"]
    assert len(rows) == 2 * 10
    assert {row["paper in interval"] for row in rows} == {"True"}
    assert {row["runs"] for row in rows} == set(CELLS)
    page = (out / "report/table_s5.html").read_text()
    assert "in our interval in" in page
    runs = json.loads((out / "report/provenance.json").read_text())["runs"]
    assert runs[CELLS[1]]["weights_sha256"] == sha256(out / "runs" / CELLS[1] / WEIGHTS)
    assert "one-sided" in (out / "report/comparisons.tex").read_text()


def test_the_same_runs_give_the_same_files(small):
    file, out = small
    _main(file, out)
    before = {path.name: path.read_bytes() for path in (out / "report").iterdir()}
    for path in (out / "report").iterdir():
        path.unlink()
    _main(file, out, "--shard=2/2")
    assert {path.name: path.read_bytes() for path in (out / "report").iterdir()} == before


def test_a_failed_experiment_is_told_at_the_end_with_status_1(small, capsys):
    file, out = small
    (out / "runs" / CELLS[1] / STATISTICS).unlink()
    with pytest.raises(SystemExit) as stopped:
        _main(file, out)
    assert stopped.value.code == 1
    said = capsys.readouterr()
    assert "1 of the study's 2 experiments are done; 1 ran now" in said.out
    assert f"failed: {CELLS[1]}: error: " in said.err
    assert "not in the report yet: uka_cxr-paper" in said.out
    assert not (out / "report").exists()


def test_a_dry_run_prints_the_grid_and_runs_nothing(small, capsys):
    file, out = small
    (out / "runs" / CELLS[1] / STATISTICS).unlink()
    _main(file, out, "--dry-run")
    said = capsys.readouterr().out
    assert [name in said for name in CELLS] == [True, True]
    assert "begun" in said and "153,537" in said
    assert not (out / "logs").exists() and not (out / "report").exists()


@pytest.mark.parametrize("more", [("--only=nih-*",), ("--shard=3/2",), ("--study=absent.py",)])
def test_a_wrong_option_is_one_sentence_and_status_2(small, capsys, more):
    with pytest.raises(SystemExit) as stopped:
        _main(*small, *more)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.slow
def test_exchanged_runs_are_left_out_and_named(small, capsys):
    file, out = small
    _main(file, out)
    assert (out / "report/table_s5.csv").is_file()
    first, second = (out / "runs" / name for name in CELLS)
    for source, target in ((first, out / "x"), (second, first), (out / "x", second)):
        source.rename(target)
    with pytest.raises(SystemExit) as stopped:
        _main(file, out)
    assert stopped.value.code == 1
    said = capsys.readouterr()
    for name in CELLS:
        assert f"left out: {name}: its weights are " in said.err
    assert "not in the report yet: uka_cxr-paper" in said.out
    assert not (out / "report").exists()  # nothing of the earlier report passes for this one


def test_a_run_whose_evaluation_failed_is_not_done(small, capsys):
    file, out = small
    path = out / "runs" / CELLS[0] / STATISTICS
    path.write_text("{}")
    with pytest.raises(SystemExit):
        _main(file, out)
    assert "1 of the study's 2 experiments are done; 1 ran now" in capsys.readouterr().out


PHANTOM = """
from dataclasses import replace
import runpy

def get_study():
    study = runpy.run_path("configs/study/phantom.py")["get_study"]()
    grids = (replace(study.grids[1], datasets=("vindr_cxr",), initializations=("random", "mimic")),)
    phantom = replace(study.phantom, images=120, size=64)
    overrides = (("epochs", 2), ("warmup_steps", 1), ("checkpoint_every", 2))
    return replace(study, grids=grids, phantom=phantom, overrides=overrides, resamples=100)
"""


def _start(file, out, shard):
    command = [sys.executable, "-m", "jaxcxr.study", f"--study={file}", f"--out={out}"]
    return subprocess.Popen([*command, f"--shard={shard}"], cwd=ROOT)


@pytest.mark.slow
def test_a_stopped_study_goes_on_in_two_shards_and_only_what_depends_is_rebuilt(tmp_path):
    file, out = tmp_path / "phantom.py", tmp_path / "out"
    file.write_text(PHANTOM)
    first = _start(file, out, "1/1")
    runs = out / "runs"
    deadline = time.monotonic() + 300
    while not list(runs.glob("*/metrics.jsonl")):
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.1)
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 128 + signal.SIGTERM
    shards = [_start(file, out, which) for which in ("1/2", "2/2")]
    assert [one.wait(400) for one in shards] == [0, 0]
    done = {path.parent.name: path.stat().st_mtime_ns for path in runs.glob(f"*/{STATISTICS}")}
    assert len(done) == 3
    report = {p.name: p.read_bytes() for p in (out / "report").iterdir()}
    assert {"table5.csv", "comparisons.html", "figure3_mimic_transfer.svg"} <= set(report)

    experiment = "vindr_cxr-mimic_transfer-mimic-s0"
    shutil.rmtree(runs / experiment)
    assert _start(file, out, "1/1").wait(400) == 0
    again = {path.parent.name: path.stat().st_mtime_ns for path in runs.glob(f"*/{STATISTICS}")}
    assert {name for name in done if done[name] != again[name]} == {experiment}
    assert {p.name: p.read_bytes() for p in (out / "report").iterdir()} == report
