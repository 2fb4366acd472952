"""The maps of one picture: what a run's model looks at, and what speaks for its labels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxcxr import __version__
from jaxcxr.errors import InputError
from jaxcxr.inference.attention import attention_blocks, make_maps
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.inference.forward import make_predict_step
from jaxcxr.inference.gradients import make_attribute
from jaxcxr.model import flatten, split
from jaxcxr.run.directory import read_config
from jaxcxr.use.card import LabelCard, read_card
from jaxcxr.use.maps_file import Found, MadeBy

ATTENTION = ("rollout", "heads")
GRADIENTS = "gradients"
METHODS = (*ATTENTION, GRADIENTS)


@dataclass(frozen=True)
class Picture:
    """An image to explain.

    Attributes:
      image_id: its name.
      prepared: as the model sees it, `[side, side]` uint8.
      shown: as people see it, at its own size, `[height, width]` uint8.
      flags: why it is none that the run was made for.
    """

    image_id: str
    prepared: np.ndarray
    shown: np.ndarray
    flags: list[str]


@dataclass(frozen=True)
class Explainer:
    """A run's model, computing in float32, and what is asked of it.

    Attributes:
      card: of the labels, in the order of the outputs.
      origin: provenance of the weights.
      size: of its images, pixels.
      made_by: what maps depend on but the picture.
      maps_of: of an image as prepared, all of `jaxcxr.use.maps_file` but its id.
    """

    card: tuple[LabelCard, ...]
    origin: dict[str, Any]
    size: int
    made_by: MadeBy
    maps_of: Callable[[np.ndarray], Found]

    def made_by_of(self, picture: Picture) -> MadeBy:
        """Say what the maps of a picture depend on."""
        digest = hashlib.sha256()
        for pixels in (picture.prepared, picture.shown):
            digest.update(repr(pixels.shape).encode() + pixels.tobytes())
        return {**self.made_by, "picture": digest.hexdigest()}


def load_explainer(
    run: Path, methods: Sequence[str] | None, attributed: Sequence[str] | None, steps: int
) -> Explainer:
    """Load a run's model to be explained.

    Args:
      run: its directory.
      methods: of `METHODS`; None for all that there are for such a model.
      attributed: labels of integrated gradients; None for all.
      steps: most of these, from each baseline.

    Raises:
      InputError: the run has no model, no such label, or none with attention to show.
    """
    if steps < 1:
        raise InputError(f"--steps {steps}: give at least 1")
    model, labels, pixels, origin = load_run(run, plain=True)
    apply, state = split(model)
    params, size = flatten(state), read_config(run).image_size
    if methods is None:
        methods = METHODS if attention_blocks(apply, params, size) else (GRADIENTS,)
    names = list(dict.fromkeys(labels if attributed is None else attributed))
    if absent := [name for name in names if name not in labels]:
        raise InputError(f"{run}: has no label {absent[0]!r}; it has {', '.join(labels)}")
    if GRADIENTS not in methods:
        names = []
    columns = [labels.index(name) for name in names]
    forward = jax.jit(make_predict_step(model, pixels))
    attribute = make_attribute(apply, pixels, columns, steps=steps) if names else None
    attend = None
    if set(ATTENTION) & set(methods):
        attend = make_maps(apply, params, pixels, size, run, model.spec.pooling)

    def maps_of(image: np.ndarray) -> Found:
        found: Found = {"prepared": image, "labels": np.array(labels)}
        if attend is not None:
            seen = zip(ATTENTION, attend(params, image[None]), strict=True)
            found |= {name: np.asarray(one[0]) for name, one in seen if name in methods}
        if attribute is None:
            return found | {"logits": np.asarray(forward(params, image[None])[0])}
        made = attribute(params, image)
        found |= {"logits": made.logits, "gradients": made.values, "gaps": made.gaps}
        return found | {"attributed": np.array(names)}

    made_by: MadeBy = {
        "weights_sha256": origin["weights_sha256"],
        "methods": [name for name in METHODS if name in methods],
        "attributed": names,
        "steps": steps,
        "picture": "",
        "jaxcxr": __version__,
    }
    return Explainer(read_card([run], labels, [origin]), origin, size, made_by, maps_of)
