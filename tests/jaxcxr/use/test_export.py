"""Exported models reload without this project and say what the run says."""

import json
import socket
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from finished_run import alone, finish_run
from scipy.special import expit

from input_pipeline.loader import images_at, open_prepared
from jaxcxr import export
from jaxcxr.errors import InputError
from jaxcxr.use import exporting
from jaxcxr.use.places import without_places

ROOT = Path(__file__).parents[3]

# Each reads the JSON beside the file for what it has to know, as a user of the file would.
STABLEHLO = """
import jax.export, numpy as np
file, images, out = sys.argv[1:]
program = jax.export.deserialize(bytearray(open(file, "rb").read()))
logits, probabilities = program.call(np.load(images))
np.savez(out, logits=logits, probabilities=probabilities)
"""
ONNX = """
import numpy as np, onnxruntime
file, images, out = sys.argv[1:]
session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
logits, probabilities = session.run(None, {"images": np.load(images)})
np.savez(out, logits=logits, probabilities=probabilities)
"""
TORCH = """
import json, numpy as np, torch
from pathlib import Path
file, images, out = map(Path, sys.argv[1:])
notes = json.loads(file.with_name(file.name + ".json").read_text())
mean, std = (torch.tensor(notes["normalization"][k]).reshape(3, 1, 1) for k in ("mean", "std"))
try:
    import torchvision
except RuntimeError:  # of another build than torch; see convert/torch_pair.py
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
x = (torch.tensor(np.load(images))[:, None].repeat(1, 3, 1, 1) / 255 - mean) / std
"""
TIMM = (
    TORCH
    + """
from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer
model = VisionTransformer(img_size=28, patch_size=7, embed_dim=32, depth=2, num_heads=2,
    mlp_ratio=2, num_classes=len(notes["labels"]), class_token=True, global_pool="token")
model.load_state_dict(load_file(file), strict=True)
np.savez(out, logits=model.eval()(x).detach())
"""
)
HF = (
    TORCH
    + """
from transformers import AutoModelForImageClassification
model = AutoModelForImageClassification.from_pretrained(file.parent).eval()
assert list(model.config.id2label.values()) == notes["labels"]
np.savez(out, logits=model(x).logits.detach())
"""
)
RELOADED = {
    "stablehlo": ("model.stablehlo", STABLEHLO),
    "onnx": ("model.onnx", ONNX),
    "timm": ("timm.safetensors", TIMM),
    "hf": ("model.safetensors", HF),
}


@pytest.fixture(scope="module")
def run(tiny_data, tmp_path_factory):
    return finish_run(tiny_data, tmp_path_factory.mktemp("run"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", RELOADED)
def test_it_reloads_without_this_project_and_says_the_same(run, tiny_data, tmp_path, capsys, kind):
    name, program = RELOADED[kind]
    out = tmp_path / name
    export.main(["--run", str(run), "--out", str(out), "--format", kind])
    assert "equal within 0.0001" in capsys.readouterr().out
    _check_names_nothing(tmp_path, run, tiny_data)
    told = pd.read_parquet(run / "predictions.parquet").query("split == 'test'")
    expected = told.filter(like="logit:").to_numpy()
    prepared = open_prepared(tiny_data)
    for images in (expected.shape[0], 1):  # any batch
        pictures = images_at(prepared, "test", np.arange(images))
        np.save(tmp_path / "images.npy", pictures)
        alone(program, out, tmp_path / "images.npy", tmp_path / "scores.npz")
        found = np.load(tmp_path / "scores.npz")
        assert np.abs(expit(found["logits"]) - expit(expected[:images])).max() <= 1e-4
    notes = json.loads((tmp_path / f"{name}.json").read_text())
    assert [f"logit:{label}" for label in notes["labels"]] == list(told.filter(like="logit:"))
    if "probabilities" in found:
        slope, offset = (np.array([one[k] for one in notes["cards"]]) for k in ("slope", "offset"))
        calibrated = expit(slope * expected[:1] + offset)
        # The tiny model hardly tells images apart, so its slopes are steep.
        allowed = 1e-4 * np.maximum(np.abs(slope), 1)
        assert (np.abs(found["probabilities"] - calibrated) <= allowed).all()


def test_the_notes_say_what_the_runs_statistics_say(run, tmp_path):
    exporting.export_run(run, tmp_path / "m.stablehlo", "stablehlo")
    notes = json.loads((tmp_path / "m.stablehlo.json").read_text())
    statistics = json.loads((run / "statistics.json").read_text())
    compared = 0
    for card, row in zip(notes["cards"], statistics["labels"], strict=True):
        assert card["label"] == row["label"]
        if row["estimable"]:
            auc = {name: row["metrics"]["auc"][name] for name in ("value", "low", "high")}
            assert auc.items() <= card["test_auc"].items()
            assert card["threshold"] == row["at_validation_threshold"]["threshold"]
            platt = row["calibration"]["platt"]
            assert (card["slope"], card["offset"]) == (platt["slope"], platt["offset"])
            compared += 1
        else:
            assert card["threshold"] is None and card["threshold_source"].startswith("none: 0 pos")
            assert card["test_auc"] is None
    assert compared == 2
    assert notes["normalization"]["done_in_the_file"]
    assert notes["preparation"]["recipe"] == "paper"


def _check_names_nothing(folder, *places):
    """Neither a patient, nor an image, a path, this machine or a line of our programs."""
    secrets = [*places, folder, ROOT, sys.prefix, "test000.png", "train000.png", "train0"]
    secrets += ["vit.py", "forward.py", "stablehlo.py", "torch_classifier.py"]
    if len(socket.gethostname()) > 3:  # a shorter one stands in any file by chance
        secrets.append(socket.gethostname())
    for file in folder.iterdir():
        content = file.read_bytes()
        assert [str(one) for one in secrets if str(one).encode() in content] == [], file.name


def test_a_file_that_is_not_equal_is_not_written(run, tmp_path, monkeypatch):
    def other(path, images):
        logits, probabilities = run_stablehlo(path, images)
        return logits + 0.001, probabilities

    run_stablehlo = exporting.run_stablehlo
    monkeypatch.setattr(exporting, "run_stablehlo", other)
    (tmp_path / "m.stablehlo").write_text("what stood there before")
    with pytest.raises(InputError, match=r"not written: .* differ from the run's by up to 2.*e-04"):
        exporting.export_run(run, tmp_path / "m.stablehlo", "stablehlo")
    assert [one.name for one in tmp_path.iterdir()] == ["m.stablehlo"]
    assert (tmp_path / "m.stablehlo").read_text() == "what stood there before"


@pytest.mark.slow
def test_a_run_in_half_precision_is_compared_in_single(tiny_data, tmp_path, capsys):
    half = finish_run(tiny_data, tmp_path / "run", dtype="bfloat16", epochs=1)
    for kind in ("stablehlo", "onnx"):
        out = tmp_path / RELOADED[kind][0]
        export.main(["--run", str(half), "--out", str(out), "--format", kind])
        notes = json.loads(out.with_name(f"{out.name}.json").read_text())
        assert notes["computes_in"] == {"stablehlo": "bfloat16", "onnx": "float32"}[kind]
        assert ("own dtype alone moves" in capsys.readouterr().out) == (kind == "onnx")


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("m.onnx", "stablehlo", r"of --format stablehlo is named NAME\.stablehlo"),
        ("m.safetensors", "hf", "name the file FOLDER/model.safetensors"),
    ],
)
def test_names_that_would_not_load_are_refused(run, tmp_path, name, kind, message):
    with pytest.raises(InputError, match=message):
        exporting.export_run(run, tmp_path / name, kind)
    assert list(tmp_path.iterdir()) == []


def test_paths_become_names_and_nothing_else_changes():
    told = {
        "data": "/home/someone/data",
        "windows": r"C:\Users\someone\w.safetensors",
        "share": r"\\server\share\w.bin",
        "up": "../../elsewhere/w.pth",
        "home": "~/w.pth",
        "kept": ["facebook/dinov2-base", "https://example.org/a/b", "p1/i1.png", 3, None],
    }
    assert without_places(told) == {
        "data": "data",
        "windows": "w.safetensors",
        "share": "w.bin",
        "up": "w.pth",
        "home": "w.pth",
        "kept": told["kept"],
    }
