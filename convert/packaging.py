"""The whole model of a run for another library, reloaded there and run on images."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from convert.exporting import export
from convert.torch_pair import prepare_torch
from jaxcxr.errors import InputError, reading
from jaxcxr.files import atomic_path
from jaxcxr.model import read_header

FORMATS = ("timm", "hf", "onnx")


def package(
    weights_file: Path, kind: str, out: Path, around_file: Path, images_file: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Write a model with its head, and run what was written.

    Args:
      weights_file: ours, with a head, its position table at the size of the images.
      kind: of `FORMATS`.
      out: to write; for `hf` it is named `model.safetensors` and gets a `config.json` beside it.
      around_file: JSON, see `convert.torch_classifier.Whole`.
      images_file: `.npy` of `[images, side, side]` uint8.

    Returns:
      Logits and calibrated probabilities `[images, labels]` of the file, reloaded.

    Raises:
      InputError: a package is missing, or the library has no model that this one equals.
    """
    prepare_torch()
    from convert.torch_classifier import Whole, check_around, classifier, run_whole

    header = read_header(weights_file)
    spec, labels = header.spec, header.shapes.get("head/bias", (0,))[0]
    if not labels:
        raise InputError(f"{weights_file}: has no head, so it is no whole model")
    with reading(around_file, "JSON", "export the run again"):
        around = json.loads(around_file.read_text(encoding="utf-8"))
    check_around(around, labels, around_file)
    with reading(images_file, "an .npy file", "export the run again"):
        images = np.load(images_file, allow_pickle=False)
    if kind != "onnx":
        export(weights_file, kind, out)
        return run_whole(Whole(classifier(out, kind, spec, labels), around), images)

    from convert.onnx_file import need_onnx, run_onnx, write_onnx

    need_onnx()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "model.safetensors"
        export(weights_file, "timm", checkpoint)
        whole = Whole(classifier(checkpoint, "timm", spec, labels), around)
    with atomic_path(out) as temporary:
        write_onnx(temporary, whole.eval(), spec.native_image_size)
    return run_onnx(out, images)
