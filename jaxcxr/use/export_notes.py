"""What lies beside an exported model: how to prepare its input, and what its output means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from input_pipeline.decoding.recipes import STEPS
from jaxcxr import __version__
from jaxcxr.files import sha256
from jaxcxr.run.belongs import TEST_READ
from jaxcxr.run.pixels import PixelStatistics
from jaxcxr.use.card import LabelCard, card_json
from jaxcxr.use.places import without_places

WHOLE = ("stablehlo", "onnx")  # formats that hold normalisation and calibration too


def notes_of(
    file: Path,
    kind: str,
    config: ConfigDict,
    pixels: PixelStatistics,
    card: Sequence[LabelCard],
    origin: dict[str, Any],
) -> dict[str, Any]:
    """Describe an exported file, as plain JSON values that name no place of this machine.

    Args:
      file: the model, as it will be named.
      kind: of `jaxcxr.use.exporting.FORMATS`.
      config: of the run.
      pixels: mean and standard deviation of its normalisation.
      card: of its labels, in the order of its outputs.
      origin: provenance of the run's weights.
    """
    side, whole = config.image_size, kind in WHOLE
    mean, std = (values.tolist() for values in pixels)
    labels = [one.label for one in card]
    notes = {
        "format": kind,
        "file": file.name,
        "sha256": sha256(file),
        "tool_version": __version__,
        "computes_in": config.dtype if kind == "stablehlo" else "float32",
        "labels": labels,
        "preparation": {
            "recipe": origin["recipe"],
            "recipe_hash": origin.get("recipe_hash"),
            "side": side,
            "steps": list(STEPS[origin["recipe"]]),
            "gives": f"gray levels [{side}, {side}] uint8",
        },
        "normalization": {
            "done_in_the_file": whole,
            "formula": "(level / 255 - mean) / std, the same level on all three channels",
            "mean": mean,
            "std": std,
        },
        "input": _input(side, whole),
        "outputs": _outputs(len(labels), whole),
        "calibration_done_in_the_file": whole,
        "probability": "sigmoid(slope * logit + offset), with each label's slope and offset",
        "decision": "the finding is called where the logit is at least the label's threshold",
        "cards": card_json(card),
        "origin": _origin(origin),
        "not_for_care": "a research model, not a medical device",
    }
    return without_places(notes)


def _input(side: int, whole: bool) -> dict[str, Any]:
    if whole:
        return {"name": "images", "dtype": "uint8", "shape": ["batch", side, side]}
    return {"name": "images", "dtype": "float32", "shape": ["batch", 3, side, side]}


def _outputs(labels: int, whole: bool) -> list[dict[str, Any]]:
    names = ("logits", "probabilities") if whole else ("logits",)
    return [{"name": name, "dtype": "float32", "shape": ["batch", labels]} for name in names]


def _origin(origin: dict[str, Any]) -> dict[str, Any]:
    """Keep of the run's provenance what tells which model this is and whose terms it is under."""
    kept = {
        name: origin.get(name)
        for name in ("run", "weights_sha256", "dataset", "label_rules", "trained_on", TEST_READ)
        if name in origin
    }
    began = origin.get("initialized_from", {})
    before = began.get("provenance", {})
    names = ("checkpoint", "source", "licence", "dataset")
    kept["initialized_from"] = {name: before[name] for name in names if before.get(name)} or None
    return kept
