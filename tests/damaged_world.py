"""One of every file that a command reads, all belonging together, and ways to damage a file."""

import os

import numpy as np
import torch
from damaged_numbers import numbers
from mixed import config_of, prepared_data
from PIL import Image
from safetensors.numpy import load_file

from input_pipeline.phantom.release import write_release
from jaxcxr import report
from jaxcxr.files import write_json
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.inference.embeddings import backbone_of_weights, embed_prepared
from jaxcxr.main import run_experiment
from jaxcxr.model import write_weights
from jaxcxr.use.neighbours import load_training

STUDY = """
from dataclasses import replace
from configs.study.paper import get_study as paper
from jaxcxr.study.planning.grid_definition import Grid

def get_study():
    grid = Grid("paper", ("uka_cxr",), ("dinov2", "imagenet21k"))
    starts = paper().initializations[:2]
    return replace(paper(), grids=(grid,), pretrainings=(), initializations=starts)
"""


def make_world(world):
    """Write them below the folder `world`, which may not move afterwards."""
    from convert.exporting import export

    data = prepared_data(world / "data")
    run_experiment(config_of(data), world / "run")
    _, labels, _, origin = load_run(world / "run")
    load_training([world / "run"], labels, [origin], 1, world / "p.json")
    report.main(["--run", str(world / "run"), "--robustness"])
    weights = world / "weights.safetensors"
    for suffix in (".safetensors", ".json"):
        content = (world / "run" / "model.safetensors").with_suffix(suffix).read_bytes()
        weights.with_suffix(suffix).write_bytes(content)
    embed_prepared(backbone_of_weights(weights, 28, "weights"), data, world / "features.npz")
    embed_prepared(backbone_of_weights(weights, 28, "weights"), data, world / "features.parquet")
    export(weights, "timm", world / "timm" / "model.safetensors", with_head=True)
    tensors = load_file(world / "timm" / "model.safetensors")
    write_json(world / "timm" / "config.json", {"architecture": "vit", "num_features": 32})
    run_import(world / "timm" / "model.safetensors", world / "imported.safetensors")
    np.savez(world / "model.npz", **tensors)
    torch.save({k: torch.tensor(v) for k, v in tensors.items()}, world / "model.pth")
    write_release("uka_cxr", world / "uka", images=60, size=64, workers=1)
    write_json(world / "uka" / "severities.json", {"positive": [3, 4, 5], "unknown": [0]})
    write_release("mimic_cxr", world / "mimic", images=60, size=64, workers=1)
    (world / "pictures").mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    Image.fromarray(picture).save(world / "pictures" / "a.png")
    Image.fromarray(picture).save(world / "pictures" / "b.jpg")
    numbers = {"loss": [1.0], "gradient_norm": [1.0], "logits": [[1.0]], "images_per_second": 2.0}
    trained = dict.fromkeys(("float32 highest", "float32", "bfloat16"), numbers)
    machine = {"backend": "cpu", "devices": ["1 x cpu"]}
    write_json(world / "recording.json", {"environment": machine, "trained": trained})
    (world / "study.py").write_text(STUDY)


def run_import(source, out):
    from convert.importing import import_checkpoint
    from convert.sources import open_source

    with open_source(source) as opened:
        made = import_checkpoint(opened, name=str(source), fields={"heads": 2})
    write_weights(out, made.spec, made.tensors, made.provenance)


def empty(content, rng):
    return b""


def half(content, rng):
    return content[: len(content) // 2]


def flipped(content, rng):
    damaged = bytearray(content)
    for place in rng.integers(0, len(content), rng.integers(1, 4)):
        damaged[place] ^= int(rng.integers(1, 256))
    return bytes(damaged)


def other_kind(content, rng):
    kinds = (
        b"[]",
        b"null",
        b"\x89PNG\r\n\x1a\n" + bytes(99),
        b"PK\x03\x04" + bytes(99),
        b"a,b\n1\n",
    )
    return kinds[rng.integers(len(kinds))]


def not_text(content, rng):
    return b"\xff\xfe\x00" + content


def zeros(content, rng):
    place = int(rng.integers(0, len(content)))
    return content[:place] + bytes(len(content[place : place + 512])) + content[place + 512 :]


DAMAGES = {one.__name__: one for one in (empty, half, flipped, other_kind, not_text, zeros)}


def twin(path, rng):
    """Put another whole file of the same kind in its place."""
    world = next(one for one in path.parents if (one / "study.py").is_file())
    others = sorted(one for one in world.rglob(f"*{path.suffix}") if one.is_file() and one != path)
    if others:
        path.write_bytes(others[rng.integers(len(others))].read_bytes())


def directory(path, rng):
    path.unlink()
    path.mkdir()


def missing(path, rng):
    path.unlink()


def dangling(path, rng):
    path.unlink()
    path.symlink_to("nowhere")


def fifo(path, rng):
    path.unlink()
    os.mkfifo(path)


OTHERS = {one.__name__: one for one in (twin, numbers, directory, missing, dangling, fifo)}
HOWS = (*DAMAGES, *OTHERS)


def damage(path, how, rng):
    """Damage a file in one of `HOWS`."""
    if how in DAMAGES:
        path.write_bytes(DAMAGES[how](path.read_bytes(), rng))
    else:
        OTHERS[how](path, rng)
