"""The commands of README and docs, run as written, in the order of each page, on phantoms.

Only paths are put in for others. Releases are phantoms, checkpoints random; the files that the
configs start from are small transformers, so that a training ends in a minute.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from documented import PAGES, ROOT, blocks, commands, name_of
from flax import nnx

from jaxcxr.model import ViT, ViTSpec, flatten, split, write_weights

# What is not run, by a part of the command, and why.
NOT_RUN = {
    "make ": "runs the tests that this is one of; `make demo` is put in for what it runs, below",
    "pip install": "changes the environment; test_docs.py looks at what it names",
    "srun ": "needs a cluster",
    "benchmarks.mutation": "hours",
    "benchmarks.folds": "its table takes an hour to make",
    "benchmarks.recipes": "an hour",
    "ablation/": "of the two before; takes an hour in all",
    "folds/0.csv": "of benchmarks.folds",
    "fold0": "ten minutes; test_floor.py trains by the same recipe",
    "data/mine": "README has it too",
    "jaxcxr.embed ": "test_embed_and_probe.py calls it on a dataset and on files",
    "jaxcxr.explain --run RUN --out MAPS": "test_explain.py calls it on files and on a dataset",
    "benchmarks.pointing_game": "needs the run of the commands before it",
    "jaxcxr.probe ": "test_embed_and_probe.py calls it",
    "jaxcxr.report ": "the tests of jaxcxr.reporting call it with each of its options",
    "jaxcxr.export ": "test_export.py calls it in each format",
    "--images IMAGES": "test_predict_files.py calls it in each format, and with several runs",
    "--distributed=host0": "needs several hosts; test_layouts.py joins processes over loopback",
    "FlinkRunner": "needs a cluster; test_beam.py runs the same on this machine",
    "study/paper.py --out studies/paper": "days of a GPU; --dry-run, which is run, plans it",
    "study/phantom.py": "a quarter of an hour; the demo goes the same road",
    "study/resolution.py --out studies/resolution": "months of a GPU; --dry-run plans it",
    "study/resolution_phantom.py": "a quarter of an hour; test_resolution_end_to_end.py, smaller",
    "study/real_radiographs.py": "half an hour; its data and weights are made here",
    "main ... ": "no whole command",
}
# Of each page, what is put in for what; in this order.
PUT_IN = {
    "README.md": (
        ("make demo", "python -m jaxcxr.study --study=configs/study/demo.py --out demo"),
        ("/data/PadChest", "raw/padchest"),
        ("/data/NIH", "raw/chestxray14"),
        (
            "weights=weights/dinov2_vitb14.safetensors",
            "weights=weights/vit_base_patch16_224.augreg_in21k.safetensors",
        ),
        ("weights/dinov2_vitb14", "converted/dinov2_vitb14"),
        ("dinov2:dinov2_vitb14", "hub/dinov2_vitb14.safetensors"),
    ),
    "docs/datasets.md": (("/data/padchest", "raw/padchest"),),
    "docs/images.md": (
        ("/data/padchest_224", "data/padchest_224"),
        ("/data/padchest", "raw/padchest"),
    ),
    "docs/conversion.md": (
        ("timm|dinov2|facebook|hf", "dinov2"),
        ("SOURCE", "hub/dinov2_vitb14.safetensors"),
        ("FILE", "converted/again"),
        ("OUT", "converted/exported"),
    ),
    "docs/statistics.md": (
        (
            "PREDICTIONS... [--against PREDICTIONS...]",
            "{run}/predictions.parquet --against {other}/p",
        ),
        ("{other}/p", "{other}/predictions.parquet"),
        ("{run}", "runs/padchest_dinov2"),
        ("{other}", "runs/padchest_in21k"),
        ("DIR", "evaluated"),
    ),
    "docs/study.md": (
        ("export OUT=studies/paper", "export OUT=."),
        ("--run RUN", "--run runs/padchest_dinov2"),
        ("--out attention.npz [--images ID ... | --labels NAME ...]", "--out attention.npz"),
        ("RUN", "padchest_dinov2"),
        ("OTHER", "padchest_in21k"),
        ("[--count 2] [--split test]", "--count 2 --split test"),
    ),
    "docs/own_data.md": (
        ("dinov2_small/", "hub/dinov2_small/"),
        ("describe covid_figure1/", "describe raw/covid_figure1/"),
        ("--images covid_figure1/", "--images raw/covid_figure1/"),
        ("--raw-dir covid_figure1", "--raw-dir raw/covid_figure1"),
    ),
    "docs/real_radiographs.md": (("dinov2_small/", "hub/dinov2_small/"),),
}


def _run(command, home, environment):
    """Run in a shell; `export` changes the environment of what follows."""
    if command.startswith("export "):
        name, _, value = command.removeprefix("export ").partition("=")
        environment[name] = value
        return
    command = command.replace("python -m", f"{sys.executable} -m", 1)
    done = subprocess.run(
        ["bash", "-c", command], cwd=home, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def _put_in(text, page):
    for written, given in PUT_IN.get(page, ()):
        text = text.replace(written, given)
    return text


def _random_weights(path, spec):
    rng = np.random.default_rng(0)
    model = ViT(spec, num_labels=None, image_size=spec.native_image_size, rngs=nnx.Rngs(0))
    shapes = {path: value.shape for path, value in flatten(split(model)[1]).items()}
    tensors = {
        name: (0.02 * rng.standard_normal(shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
    write_weights(path, spec, tensors, {"checkpoint": "random"})


@pytest.fixture(scope="module")
def environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}


@pytest.fixture(scope="module")
def home(tmp_path_factory, environment):
    """A folder to run in, with what the pages take for given."""
    home = tmp_path_factory.mktemp("home")
    for name in ("configs", "benchmarks"):
        (home / name).symlink_to(ROOT / name)
    for folder in ("weights", "hub", "converted", "raw"):
        (home / folder).mkdir()
    for dataset in ("padchest", "chestxray14"):
        draw = f"python -m input_pipeline phantom {dataset} --out-dir raw/{dataset} --size 96"
        _run(f"{draw} --images 240", home, environment)
    small = {"width": 32, "depth": 2, "heads": 2, "mlp_width": 64}
    _random_weights(
        home / "weights/dinov2_vitb14.safetensors",
        ViTSpec(patch_size=14, native_image_size=518, layer_scale=True, **small),
    )
    _random_weights(
        home / "weights/vit_base_patch16_224.augreg_in21k.safetensors",
        ViTSpec(patch_size=16, native_image_size=224, **small),
    )
    base = {"width": 768, "depth": 12, "heads": 12, "mlp_width": 3072, "patch_size": 14}
    _random_weights(
        home / "converted/base.safetensors",
        ViTSpec(native_image_size=518, layer_scale=True, **base),
    )
    export = "python -m convert export converted/base.safetensors --layout dinov2"
    _run(f"{export} --out hub/dinov2_vitb14.safetensors", home, environment)
    return home


def _to_run(page):
    put_in = [_put_in(command, name_of(page)) for command in commands(page)]
    return [
        command
        for command in put_in
        if ("jaxcxr.study --" in command and "--dry-run" in command)
        or not any(part in command for part in NOT_RUN)
    ]


def _as_if_trained_again(predictions, folder):
    """Write three files of other scores for the same images, as three seeds would leave."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for seed in range(3):
        frame = pd.read_parquet(predictions)
        for column in frame.filter(like="logit:"):
            frame[column] += rng.normal(0, 0.1, len(frame)).astype(np.float32)
        frame.to_parquet(folder / f"s{seed}.parquet")


@pytest.mark.slow
def test_the_commands_of_readme_and_of_the_pages_on_its_runs(home, environment):
    """README makes the runs that other pages evaluate."""
    pages = {name_of(page): page for page in PAGES}
    for name in ("README.md", "docs/study.md", "docs/statistics.md", "docs/scaling.md"):
        for command in _to_run(pages[name]):
            _run(command, home, environment)
        if name == "README.md":
            for model, run in (("ours", "padchest_dinov2"), ("theirs", "padchest_in21k")):
                _as_if_trained_again(home / "runs" / run / "predictions.parquet", home / model)
    assert (home / "demo/report/index.html").is_file()
    assert (home / "comparison/comparison.csv").is_file()
    assert (home / "check/padchest_dinov2-against-padchest_in21k/comparison.csv").is_file()
    assert (home / "attention.npz").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["docs/datasets.md", "docs/images.md", "docs/conversion.md", "docs/tutorial.md"]
)
def test_the_commands_of_a_page(name, home, environment):
    ran = _to_run(ROOT / name)
    for command in ran:
        _run(command, home, environment)
    assert len(ran) >= 1
    snippets = [one for one in blocks(ROOT / name) if one.startswith("from ")]
    for snippet in snippets:
        program = re.sub(r"\.\.\.$", "break", _put_in(snippet, name))
        _run(f"python -m timeit -n1 -r1 '{program}'", home, environment)


@pytest.mark.data
@pytest.mark.slow
def test_the_commands_on_real_radiographs(shared_data, home, environment):
    (home / "raw/chestxray14_sample").symlink_to(shared_data / "chestxray14_sample")
    if not (home / "hub/dinov2_small").exists():
        (home / "hub/dinov2_small").symlink_to(shared_data / "dinov2_small")
    ran = _to_run(ROOT / "docs/real_radiographs.md")
    for command in ran:
        _run(command, home, environment)
    assert len(ran) == 2 and (home / "weights/dinov2_small.safetensors").is_file()


@pytest.mark.data
@pytest.mark.slow
def test_the_commands_on_a_table_of_ones_own(shared_data, home, environment):
    (home / "raw/covid_figure1").symlink_to(shared_data / "covid_figure1")
    if not (home / "hub/dinov2_small").exists():
        (home / "hub/dinov2_small").symlink_to(shared_data / "dinov2_small")
    images = ("00001,0,1", "00008,0,1", "00023,1,1", "00028,1,0", "00040a,0,0", "00099,1,0")
    experts = "\n".join(["image_id,Pneumonia,COVID-19", *(f"COVID-{row}" for row in images)])
    (home / "experts.csv").write_text(experts)
    ran = _to_run(ROOT / "docs/own_data.md")
    for command in ran:
        _run(command, home, environment)
    assert len(ran) == 6 and (home / "studies/own_data/report/index.html").is_file()


def test_every_page_with_commands_is_run():
    """A page that gets commands has to be named above."""
    text = Path(__file__).read_text(encoding="utf-8")
    run = {name_of(page) for page in PAGES if _to_run(page)}
    assert {name for name in run if f'"{name}"' not in text.split("def _run")[1]} == set()
    assert len(run) >= 6
    demo = dict(PUT_IN["README.md"])["make demo"].removeprefix("python ")
    assert f"$(RUN) {demo}\n" in (ROOT / "Makefile").read_text()
