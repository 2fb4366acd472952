"""Before the first step: initial features, the floor that they give, and what starts from them.

Nothing here draws a random number of the training's, so that a training with a floor is bit for
bit the training without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax.sharding import Mesh
from ml_collections import ConfigDict

from input_pipeline.loader import Prepared
from input_pipeline.subset import training_units
from jaxcxr.inference.features import features_of_split, make_extract
from jaxcxr.inference.forward import Predictor
from jaxcxr.model import Model
from jaxcxr.probing.examples import Examples
from jaxcxr.probing.floor import FLOOR, Floor, find_floor, read_floor
from jaxcxr.probing.linear import LinearHead
from jaxcxr.run.mesh import put_state, to_host
from jaxcxr.run.pixels import PixelStatistics
from jaxcxr.training.monitor import say


@dataclass(frozen=True)
class Start:
    """Where a training starts from.

    Attributes:
      params: by path, the head that of the probe where the config asks for it.
      floor: None where the config leaves it out.
      cache: class tokens of the images, where they never change; else None.
    """

    params: dict[str, Any]
    floor: Floor | None
    cache: Cache | None


@dataclass(frozen=True)
class Cache:
    """Class tokens that a linear probe learns from instead of images.

    Attributes:
      train: `[training images, width]` float32, by the row in the records; zeros where a row is not
        learnt from.
      validation: `[validation images, width]`.
    """

    train: np.ndarray
    validation: np.ndarray

    def batch(self, batch: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
        """Put the class tokens in the place of a batch's images."""
        kept = {name: value for name, value in batch.items() if name != "image"}
        return kept | {"class_token": self.train[rows]}

    def predictor(self, mesh: Mesh) -> Predictor:
        """Return a predictor of the validation split, as of `make_predictor`."""

        def predict(params: Any, prepared: Prepared, split: str, labels: Sequence[str]) -> Any:
            head = {name: params[name] for name in ("head/kernel", "head/bias")}
            head = to_host(mesh, head)
            return self.validation @ head["head/kernel"] + head["head/bias"]

        return predict


def find_start(
    config: ConfigDict,
    directory: Path,
    model: Model,
    pixels: PixelStatistics,
    mesh: Mesh,
    params: dict[str, Any],
    prepared: Prepared,
    labels: tuple[str, ...],
    rows: np.ndarray,
    truth: np.ndarray,
    pos_weight: np.ndarray,
    *,
    resumed: bool,
) -> Start:
    """Compute the initial features if anything needs them, and the floor.

    Args:
      config: the experiment's.
      directory: of the run; gets `floor.json`.
      model, pixels, mesh: as for `make_predictor`.
      params: initial parameters by path, placed on the mesh.
      prepared: the dataset; its test split is not touched.
      labels: names of the model's outputs.
      rows: of the training records, to learn from.
      truth: `[training images, labels]`, what they are to learn, all rows.
      pos_weight: `[labels]`, of the loss.
      resumed: there is a checkpoint, so that nothing starts from `params` any more.
    """
    floor = read_floor(directory / FLOOR) if config.floor else None
    cached = learns_from_cache(config)
    wants_head = config.model.head == "probe" and not resumed
    if not (cached or wants_head or (config.floor and floor is None)):
        return Start(params, floor, None)
    records = {"train": prepared.records("train"), "validation": prepared.records("validation")}
    images = len(rows) + len(records["validation"])
    say(f"initial features of {images} training and validation images ...")
    extract = make_extract(model, pixels, mesh)
    options: dict[str, Any] = {"batch_size": config.eval_batch_size, "mesh": mesh}
    features = {}
    for split, chosen in (("train", rows), ("validation", None)):
        batches = features_of_split(extract, params, prepared, split, rows=chosen, **options)
        features[split] = np.concatenate([values[:, 0] for _, values in batches])
    if wants_head or (config.floor and floor is None):
        validated = records["validation"][list(labels)].to_numpy()
        train = _examples(features["train"], truth[rows], records["train"].iloc[rows])
        validation = _examples(features["validation"], validated, records["validation"])
        initial = to_host(mesh, {name: params[f"head/{name}"] for name in ("kernel", "bias")})
        logits = features["validation"] @ initial["kernel"] + initial["bias"]
        found, head = find_floor(labels, train, validation, logits)
        if wants_head:
            params = put_state(mesh, params | _start_from(head, pos_weight))
            found.start = dict(found.labels)
        floor = found if config.floor else None
        if floor is not None and jax.process_index() == 0:
            floor.write(directory / FLOOR)
    cache = _cache(features, rows, len(records["train"])) if cached else None
    return Start(params, floor, cache)


def learns_from_cache(config: ConfigDict) -> bool:
    """Whether an image's class token is the same in every epoch."""
    augments = config.flip or config.rotation_degrees
    return bool(config.trainable == "head" and not augments)


def _examples(features: np.ndarray, truth: np.ndarray, records: pd.DataFrame) -> Examples:
    return Examples(features, truth, training_units(records))


def _start_from(head: LinearHead, pos_weight: np.ndarray) -> dict[str, jax.Array]:
    """Return the head's parameters, moved to where the weighted loss wants them.

    A loss that counts positives `pos_weight` times multiplies the odds by that; the ranks stay.
    """
    return {
        "head/kernel": jnp.asarray(head.kernel, jnp.float32),
        "head/bias": jnp.asarray(head.bias + np.log(np.maximum(pos_weight, 1e-6)), jnp.float32),
    }


def _cache(features: dict[str, np.ndarray], rows: np.ndarray, images: int) -> Cache:
    train = np.zeros((images, features["train"].shape[1]), np.float32)
    train[rows] = features["train"]
    return Cache(train, features["validation"])
