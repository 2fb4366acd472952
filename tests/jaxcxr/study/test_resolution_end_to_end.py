"""The follow-up study's whole road on phantoms: every arm trained, and a page of it."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

TINY = """
from dataclasses import replace
import runpy

def get_study():
    study = runpy.run_path("configs/study/resolution_phantom.py")["get_study"]()
    grid = study.grids[0]
    names = ("vit_random", "convnext_random")
    noise = [replace(one, initializations=names[:1]) for one in grid.variants if one.label_noise]
    others = [one for one in grid.variants if not one.label_noise]
    grid = replace(
        grid, initializations=names, pairs=(names,), variants=(*others, *noise[1:])
    )
    kept = tuple(one for one in study.initializations if one.name in names)
    phantom = replace(study.phantom, images=120, size=96)
    more = (("epochs", 1), ("warmup_steps", 0), ("floor", False), ("bootstrap_resamples", 20))
    return replace(
        study, grids=(grid,), initializations=kept, pretrainings=(), phantom=phantom,
        overrides=tuple((dict(study.overrides) | dict(more)).items()), resamples=50,
        least_patients=5,
    )
"""


@pytest.mark.slow
def test_every_arm_is_trained_and_told_on_one_page(tmp_path):
    file, out = tmp_path / "tiny.py", tmp_path / "out"
    file.write_text(TINY)
    command = [sys.executable, "-m", "jaxcxr.study", f"--study={file}", f"--out={out}"]
    subprocess.run(command, cwd=ROOT, check=True)
    report = out / "report"
    runs = {path.name for path in (out / "runs").iterdir()}
    # Two datasets, two starts, two sizes; LoRA on one dataset; wrong labels from one start.
    assert len(runs) == 2 * 2 * 2 + 2 + 1
    arms = {"resolution", "resolution_differences", "equivalence", "adaptation", "label_noise"}
    arms |= {"external", "external_differences", "differences_from_paper"}
    page = (report / "index.html").read_text()
    told = set()
    for name in arms:
        assert f'id="{name}"' in page
        with (report / f"{name}.csv").open(newline="") as read:
            told |= {run for row in csv.DictReader(read) for run in row.get("runs", "").split()}
    assert told == runs
    away = out / "runs/mimic_cxr-paper-convnext_random-px96-s0/predictions_chestxray14.parquet"
    assert away.is_file()
    # A transformer shows where it looks; a ConvNeXt is left out in a sentence.
    maps = {path.parent.name for path in out.glob("runs/*/attention.npz")}
    assert maps == {f"{name}-paper-vit_random-s0" for name in ("mimic_cxr", "chestxray14")}
    assert "No maps of ConvNeXt from scratch: a ConvNeXt has no attention." in page
