"""Export the whole model of a run, and prove the file equal to the run before it is kept."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

from input_pipeline.loader import images_at
from jaxcxr.errors import InputError
from jaxcxr.files import atomic_path, check_writable, place_beside, write_json
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.inference.forward import make_predict_step
from jaxcxr.inference.image_files import find_images, read_images
from jaxcxr.model import Model, flatten, split, write_weights
from jaxcxr.run.belongs import open_run_data
from jaxcxr.run.directory import own_files, read_config
from jaxcxr.run.pixels import PixelStatistics
from jaxcxr.use.card import LabelCard, read_card
from jaxcxr.use.export_notes import notes_of
from jaxcxr.use.stablehlo import run_stablehlo, write_stablehlo

FORMATS = {"stablehlo": ".stablehlo", "onnx": ".onnx", "timm": ".safetensors", "hf": ".safetensors"}
TOLERANCE = 1e-4  # of probabilities
IMAGES = 64  # of the run's validation split, to compare on
BATCH = 16

Scores = tuple[np.ndarray, np.ndarray]  # logits and calibrated probabilities, [images, labels]


@dataclass(frozen=True)
class Comparison:
    """How far a file is from its run.

    Attributes:
      images: compared on.
      logit, probability, calibrated: the largest absolute difference of each label's logit,
        sigmoid of it, and calibrated probability, `[labels]`.
      own_dtype: the largest difference of a probability that the run's own dtype makes, where the
        file computes in float32 and the run does not; 0 otherwise.
    """

    images: int
    logit: np.ndarray
    probability: np.ndarray
    calibrated: np.ndarray
    own_dtype: float

    def worst(self, slopes: np.ndarray) -> float:
        """The largest difference of a probability, by the measure of `TOLERANCE`.

        A calibration that is steep, as that of a model which hardly tells images apart, makes the
        rounding of a logit as much larger: its slope is allowed for. `slopes` `[labels]`.
        """
        steep = np.maximum(np.abs(slopes), 1)
        return float(max(self.probability.max(), (self.calibrated / steep).max()))


def export_run(
    directory: Path, out: Path, kind: str, images: Sequence[Path] | None = None
) -> tuple[tuple[LabelCard, ...], Comparison]:
    """Write a run's model to `out`, and `OUT.json` beside it that says how to use it.

    Args:
      directory: of the run.
      out: to write.
      kind: of `FORMATS`.
      images: to compare on; None for some of the run's validation split.

    Returns:
      The labels' cards, and how far the file is from the run.

    Raises:
      InputError: `out` is named otherwise than its format, the run has no such model, or the file
        is not equal to the run; nothing is written then.
    """
    _check_name(out, kind)
    beside = ["config.json"] if kind == "hf" else []
    for written in (out, *(out.with_name(name) for name in (f"{out.name}.json", *beside))):
        check_writable(written, "--out", reads=own_files(directory))
    config = read_config(directory)
    model, labels, pixels, origin = load_run(directory)
    pictures = _pictures(directory, origin, images, config.image_size)
    card = read_card([directory], labels, [origin])
    wanted, own_dtype = _of_run(model, pixels, card, pictures), 0.0
    if kind != "stablehlo":
        plain = load_run(directory, plain=True)[0]
        if model.dtype != jnp.float32:
            own, wanted = wanted, _of_run(plain, pixels, card, pictures)
            own_dtype = float(np.abs(_sigmoid(own[0]) - _sigmoid(wanted[0])).max())
        model = plain
    with place_beside(out) as folder:
        made = folder / out.name
        if kind == "stablehlo":
            write_stablehlo(made, model, pixels, card)
            found = run_stablehlo(made, pictures)
        else:
            found = _converted(made, kind, model, pixels, card, pictures)
        compared = _compare(wanted, found, own_dtype)
        worst = compared.worst(np.array([one.slope for one in card]))
        if not worst <= TOLERANCE:
            raise InputError(
                f"{out}: not written: as {kind} the model's probabilities differ from the run's by "
                f"up to {worst:.2e}, more than {TOLERANCE:g}; use --format stablehlo, "
                "which is the run's own program"
            )
        notes = notes_of(made, kind, config, pixels, card, origin)
        notes["pooling"] = model.spec.pooling
        notes["verified"] = {"images": compared.images, "tolerance": TOLERANCE} | {
            name: getattr(compared, name).tolist()
            for name in ("logit", "probability", "calibrated")
        }
        write_json(made.with_name(f"{made.name}.json"), notes)
        for file in sorted(folder.iterdir()):
            with atomic_path(out.parent / file.name) as temporary:
                file.replace(temporary)
    return card, compared


def _check_name(out: Path, kind: str) -> None:
    if out.suffix != FORMATS[kind]:
        raise InputError(f"--out {out}: a file of --format {kind} is named NAME{FORMATS[kind]}")
    if kind == "hf" and out.name != "model.safetensors":
        raise InputError(
            f"--out {out}: transformers reads a folder; name the file FOLDER/model.safetensors, "
            "which gets its config.json beside it"
        )


def _pictures(
    directory: Path, origin: dict[str, Any], paths: Sequence[Path] | None, size: int
) -> np.ndarray:
    """Take the images to compare on, as prepared: `[images, size, size]` uint8."""
    if paths is None:
        prepared = open_run_data(directory, origin)
        count = len(prepared.records("validation"))
        if not count:
            raise InputError(f"{prepared.path}: no validation images; give some with --images")
        rows = np.unique(np.linspace(0, count - 1, min(count, IMAGES)).astype(int))
        return images_at(prepared, "validation", rows)
    found = [image for _, image in read_images(find_images(paths), origin["recipe"], size, [])]
    if not found:
        raise InputError("--images: none of them can be read; see what predict says of them")
    return np.stack(found)


def _of_run(
    model: Model, pixels: PixelStatistics, card: Sequence[LabelCard], images: np.ndarray
) -> Scores:
    step, params = jax.jit(make_predict_step(model, pixels)), flatten(split(model)[1])
    logits = np.concatenate(
        [
            np.asarray(step(params, images[start : start + BATCH]))
            for start in range(0, len(images), BATCH)
        ]
    )
    calibrated = [one.probability(logits[:, column]) for column, one in enumerate(card)]
    return logits, np.stack(calibrated, axis=1)


def _converted(
    made: Path,
    kind: str,
    model: Model,
    pixels: PixelStatistics,
    card: Sequence[LabelCard],
    images: np.ndarray,
) -> Scores:
    """Let `convert`, which has PyTorch, write the file and run it; they meet at a weights file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tensors = {k: np.asarray(v) for k, v in flatten(split(model)[1]).items()}
        spec = replace(model.spec, native_image_size=images.shape[1])
        labels = [one.label for one in card]
        write_weights(folder / "run.safetensors", spec, tensors, {"labels": labels})
        mean, std = pixels
        around = {"mean": mean.tolist(), "std": std.tolist()}
        around |= {"slope": [one.slope for one in card], "offset": [one.offset for one in card]}
        write_json(folder / "around.json", around)
        np.save(folder / "images.npy", images)
        command = [sys.executable, "-m", "convert", "package", str(folder / "run.safetensors")]
        command += ["--kind", kind, "--around", str(folder / "around.json"), "--out", str(made)]
        command += ["--images", str(folder / "images.npy"), "--scores", str(folder / "scores.npz")]
        command += ["--caller", str(os.getpid())]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr.strip() or "it says nothing").splitlines()[-1]
            raise InputError(
                said.removeprefix("error: ").replace(f"{folder}/run", "the run's model")
            )
        with np.load(folder / "scores.npz", allow_pickle=False) as file:
            return file["logits"], file["probabilities"]


def _compare(wanted: Scores, found: Scores, own_dtype: float) -> Comparison:
    logit, calibrated = (np.abs(a - b).max(axis=0) for a, b in zip(wanted, found, strict=True))
    probability = np.abs(_sigmoid(wanted[0]) - _sigmoid(found[0])).max(axis=0)
    return Comparison(len(wanted[0]), logit, probability, calibrated, own_dtype)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return expit(logits.astype(np.float64))
