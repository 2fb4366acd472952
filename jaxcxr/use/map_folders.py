"""The folder of one explained image: its maps as arrays and as pictures, whole or absent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.files import fresh_directory
from jaxcxr.inference.overlays import balanced, heated, spread, two_coloured
from jaxcxr.use.card import LabelCard
from jaxcxr.use.maps_file import MAPS, Found, MadeBy, read_maps, write_maps
from jaxcxr.use.safe_names import safe_name


def is_made(out: Path, image_id: str, made_by: MadeBy) -> Found | None:
    """Return the maps of an image, if those that there are were made of the same; else None."""
    try:
        found = read_maps(out / safe_name(image_id) / MAPS)
    except InputError:  # there are none, or what a bad disk left of them
        return None
    same = found.pop("made_by") == made_by and str(found["image_id"]) == image_id
    return found if same else None


def write_folder(out: Path, shown: np.ndarray, found: Found, made_by: MadeBy) -> None:
    """Write the maps of an image, and each laid over its radiograph.

    Args:
      out: folder of all images' folders.
      shown: the radiograph at its own size, `[height, width]` uint8.
      found: its maps.
      made_by: what they depend on.
    """
    with fresh_directory(out / safe_name(str(found["image_id"]))) as folder:
        write_maps(folder / MAPS, found, made_by)
        _write(folder / "image.png", shown)
        if "rollout" in found:
            _write(folder / "rollout.png", heated(shown, spread(found["rollout"])))
        for number, head in enumerate(found.get("heads", ())):
            _write(folder / f"head{number:02}.png", heated(shown, spread(head)))
        for name, values in zip(
            found.get("attributed", ()), found.get("gradients", ()), strict=True
        ):
            _write(folder / _gradients(name), two_coloured(shown, balanced(values)))


def entry_of(found: Found, flags: Sequence[str], card: Sequence[LabelCard]) -> dict[str, Any]:
    """Describe an image in the index of all, as plain JSON values."""
    image_id, attributed = str(found["image_id"]), found.get("attributed", np.array([])).tolist()
    labels = found["labels"].tolist()
    return {
        "image_id": image_id,
        "folder": safe_name(image_id),
        "flags": list(flags),
        "logits": dict(zip(labels, found["logits"].tolist(), strict=True)),
        "probabilities": {
            one.label: float(one.probability(logit))
            for one, logit in zip(card, found["logits"], strict=True)
        },
        "gradients": {name: _gradients(name) for name in attributed},
        "gaps": dict(zip(attributed, found.get("gaps", np.array([])).tolist(), strict=True)),
    }


def _gradients(label: str) -> str:
    return f"gradients-{safe_name(str(label))}.png"


def _write(path: Path, picture: np.ndarray) -> None:
    content = picture if picture.ndim == 2 else picture[..., ::-1]  # OpenCV has blue first
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(content))
    if not done:
        raise InputError(f"{path}: a picture of {picture.shape} cannot be encoded as PNG")
    path.write_bytes(encoded.tobytes())
