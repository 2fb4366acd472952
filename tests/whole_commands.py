"""Every command as a user runs it, on the files of `damaged_world`, and what it leaves."""

import os
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
# What holds times, the id that a run draws, or what XLA compiled.
OTHERWISE = re.compile(
    r"(^|/)((compiled|locks|logs)/.*|checkpoints/[^/]+/.+|.*tfevents.*|\.lock"
    r"|(environment|start)\.json)$"
)
SPEED = re.compile(r', "images_per_second": [^,}]*')
# The digests of what holds such an id, where it lay, and when.
NAMED = re.compile(r"[0-9a-f]{12,64}|\d{4}-\d\d-\d\dT[\d:.+]*")


def start(command, world, out, dying_at=None):
    """Begin a command in a process of its own, to die before so many changes of `out`."""
    arguments = [one.format(w=world, o=out, r=ROOT) for one in COMMANDS[command].split()]
    pipe = subprocess.PIPE
    environment = dict(os.environ)
    if dying_at is not None:
        paths = (str(ROOT / "tests" / "dying"), os.environ.get("PYTHONPATH"))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        environment |= {"DYING_FOLDER": str(out), "DYING_AT": str(dying_at)}
        environment |= {"DYING_CHILD_OF": str(os.getpid()), "DYING_LOG": str(changes_of(out))}
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        stdout=pipe,
        stderr=pipe,
        text=True,
        env=environment,
    )


def changes_of(out):
    """The list of a command's changes of `out`."""
    return out.with_name(f"{out.name}.changes")


def run(command, world, out, dying_at=None):
    """Run a command to its end; return its status and what it said to the standard error."""
    process = start(command, world, out, dying_at)
    _, said = process.communicate(timeout=500)
    return process.returncode, said


def content(out):
    """What a command left, by name, as far as it is the same in every run; nothing half-made."""
    found = {f"{path.relative_to(out)}/": {} for path in out.rglob("*") if path.is_dir()}
    found = {name: of for name, of in found.items() if not OTHERWISE.search(name)}
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
        elif path.name == "metrics.jsonl":
            found[name] = SPEED.sub("", path.read_text())
        elif path.suffix in (".json", ".html"):
            found[name] = NAMED.sub("", path.read_text().replace(str(out), ""))
        else:
            found[name] = path.read_bytes()
    return found
