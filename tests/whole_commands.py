"""Every command as a user runs it, on the files of `damaged_world`, and what it leaves."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

ROOT = Path(__file__).parents[1]
# `{w}` is the folder of what they read, `{o}` that of what they write.
COMMANDS = {
    "phantom": "input_pipeline phantom uka_cxr --images 30 --size 64 --workers 2 --out-dir {o}/uka",
    "cohort": "input_pipeline cohort uka_cxr --raw-dir {w}/uka --out {o}/c.json --tables {o}/t",
    "prepare": "input_pipeline prepare uka_cxr --raw-dir {w}/uka --image-size 32 --workers 2 "
    "--out-dir {o}/set",
    "import": "convert import {w}/model.npz --out {o}/a.safetensors --set heads=2",
    "export": "convert export {w}/weights.safetensors --layout timm --out {o}/a.safetensors",
    "train": "jaxcxr.main --config={r}/tests/jaxcxr/tiny.py --config.data={w}/data "
    "--config.epochs=2 --workdir={o}/run",
    "predict": "jaxcxr.predict --run {w}/run --out {o}/a.parquet",
    "embed": "jaxcxr.embed --run {w}/run --data {w}/data --out {o}/a.npz",
    "explain": "jaxcxr.explain --run {w}/run --out {o}/a.npz",
    "explain images": "jaxcxr.explain --run {w}/run --images {w}/pictures --out {o}/maps --steps 2 "
    "--workers 1",
    "report": "jaxcxr.report --run {w}/run --checklist claim --out {o}/claim.md",
    "card": "jaxcxr.report --run {w}/run --card --out {o}/README.md",
    "evaluate": "jaxcxr.evaluate {w}/run/predictions.parquet --resamples 20 --out {o}/statistics",
    "describe": "input_pipeline describe {w}/uka/uka_cxr.csv --images {w}/uka --out {o}/t.toml",
    "predict files": "jaxcxr.predict --run {w}/run --images {w}/pictures --workers 2 "
    "--out {o}/a.parquet",
    "probe": "jaxcxr.probe --embeddings {w}/features.npz --data {w}/data --resamples 20 "
    "--out {o}/probe",
    "export run": "jaxcxr.export --run {w}/run --out {o}/a.stablehlo",
    "export to timm": "jaxcxr.export --run {w}/run --format timm --out {o}/a.safetensors",
    "verify": "convert verify {w}/imported.safetensors {w}/timm/model.safetensors --out {o}/v.json",
    "study": "jaxcxr.study --study={r}/tests/jaxcxr/tiny_study.py --out {o}/study --no-images",
}
# What holds times, the id that a run draws, or what XLA compiled; and what a kill leaves half-made.
OTHERWISE = re.compile(
    r"(^|/)(\.[^/]*|(\.[^/]*|compiled|checkpoints|locks|logs|made)/.*|.*tfevents.*"
    r"|(environment|start|model|floor)\.json|metrics\.jsonl)$"
)
# The digests of what holds such an id, where it lay, and when.
NAMED = re.compile(r"[0-9a-f]{12,64}|\d{4}-\d\d-\d\dT[\d:.+]*")


def start(command, world, out):
    """Begin a command in a process of its own."""
    arguments = [one.format(w=world, o=out, r=ROOT) for one in COMMANDS[command].split()]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, stdout=pipe, stderr=pipe, text=True
    )


def run(command, world, out):
    """Run a command to its end; return its status and what it said to the standard error."""
    process = start(command, world, out)
    _, said = process.communicate(timeout=500)
    return process.returncode, said


def content(out):
    """What a command left, by name, as far as it is the same in every run."""
    found = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        name = path.relative_to(out).as_posix()
        if OTHERWISE.search(name):
            continue
        of_run = (path.parent / "config.json").is_file() or path.parent == out
        if path.suffix == ".parquet" and of_run:
            found[name] = pd.read_parquet(path).to_csv()  # beside it stands the run's id
        elif path.suffix == ".safetensors" and of_run:
            found[name] = {key: value.tobytes() for key, value in load_file(path).items()}
        elif path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:  # a zip holds times
                found[name] = {key: file[key].tobytes() for key in file.files}
        elif path.suffix in (".json", ".html"):
            found[name] = NAMED.sub("", path.read_text().replace(str(out), ""))
        else:
            found[name] = path.read_bytes()
    return found
