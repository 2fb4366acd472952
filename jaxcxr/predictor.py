"""Apply a model to images, and keep what it says of them.

`predictions.parquet` has one row an image: `image_id`, `patient_id`, `split`, `view`, `age`, `sex`,
and for each label two columns, `label:NAME` (1, 0, or -1 where unknown) and `logit:NAME`. It holds
no metric: those are `jaxcxr.evaluate`'s. Its schema's metadata says under `jaxcxr` what made it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from jax.sharding import Mesh

from input_pipeline.loader import Prepared, eval_batches
from jaxcxr.errors import InputError
from jaxcxr.experiment import pixel_statistics
from jaxcxr.files import atomic_path, sha256
from jaxcxr.model import ViT, load, read_header
from jaxcxr.partition import put_batch, replicated
from jaxcxr.run_directory import WEIGHTS, read_config
from jaxcxr.stats import auc
from jaxcxr.step import make_predict_step

Predictor = Callable[[Any, Prepared, str, Sequence[str]], np.ndarray]


def make_forward(
    model: ViT, pixels: tuple[np.ndarray, np.ndarray], mesh: Mesh
) -> Callable[[Any, np.ndarray], np.ndarray]:
    """Build `forward(params, images)`: this process's part of a batch -> logits of the whole batch.

    Args:
      model: gives the function; its own parameters are not used.
      pixels: mean and standard deviation of the normalisation.
      mesh: the devices; they must divide the batch.
    """
    step = jax.jit(make_predict_step(model, pixels), out_shardings=replicated(mesh))

    def forward(params: Any, images: np.ndarray) -> np.ndarray:
        return np.asarray(step(params, put_batch(mesh, {"image": images})["image"]))

    return forward


def make_predictor(
    model: ViT, pixels: tuple[np.ndarray, np.ndarray], mesh: Mesh, batch_size: int
) -> Predictor:
    """Build `predict(params, prepared, split, labels)` -> logits `[images, labels]`.

    The rows are those of `prepared.records(split)`, on every process.

    Args:
      model: as for `make_forward`.
      pixels: as for `make_forward`.
      mesh: as for `make_forward`.
      batch_size: images at a time, rounded up to fill all devices.
    """
    forward = make_forward(model, pixels, mesh)
    batch_size = fill_devices(batch_size, mesh)

    def predict(params: Any, prepared: Prepared, split: str, labels: Sequence[str]) -> np.ndarray:
        batches = eval_batches(
            prepared,
            split=split,
            labels=labels,
            batch_size=batch_size,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )
        logits = [forward(params, batch["image"]) for batch in batches]
        # The last batch is filled up to the common shape; the rows beyond the split are dropped.
        images = len(prepared.records(split))
        return np.concatenate(logits or [np.zeros((0, len(labels)), np.float32)])[:images]

    return predict


def fill_devices(batch_size: int, mesh: Mesh) -> int:
    """Round a batch up to a multiple of the devices."""
    return -(-batch_size // mesh.devices.size) * mesh.devices.size


def mean_auc(prepared: Prepared, split: str, labels: Sequence[str], logits: np.ndarray) -> float:
    """Mean AUC over the labels with both classes among the known; NaN if there is none."""
    truth = prepared.records(split)[list(labels)].to_numpy()
    aucs = []
    for column in range(len(labels)):
        known = truth[:, column] >= 0
        if len(np.unique(truth[known, column])) == 2:
            aucs.append(auc(truth[known, column, None], logits[known, column, None])[0])
    return float(np.mean(aucs)) if aucs else float("nan")


def load_run(directory: Path) -> tuple[ViT, tuple[str, ...], Any, dict[str, Any]]:
    """Load a run's chosen model, its labels, its normalisation and its provenance.

    Raises:
      InputError: there is no run, or it has not kept any weights yet.
    """
    config = read_config(directory)
    path = directory / WEIGHTS
    if not path.is_file():
        raise InputError(
            f"{directory}: the run has not kept any weights yet (no {WEIGHTS}); run its command "
            "again to go on with the training"
        )
    origin = read_header(path).provenance | {"weights_sha256": sha256(path)}
    model = load(path, image_size=config.image_size, resample_at=config.model.resample_at)
    return model, tuple(origin["labels"]), pixel_statistics(config), origin


def predictions_of_split(
    prepared: Prepared, split: str, labels: Sequence[str], logits: np.ndarray
) -> pd.DataFrame:
    """Set logits `[images, labels]` beside the records of a split."""
    records = prepared.records(split).reset_index(drop=True)
    described = records[["image_id", "patient_id", "split", "view", "age", "sex"]]
    truth = records[list(labels)].add_prefix("label:")
    scores = pd.DataFrame(logits, columns=[f"logit:{name}" for name in labels])
    return pd.concat([described, truth, scores], axis=1)


def write_predictions(path: Path, frames: Sequence[pd.DataFrame], origin: dict[str, Any]) -> None:
    """Write the rows of several splits to one file."""
    table = pa.Table.from_pandas(pd.concat(frames, ignore_index=True), preserve_index=False)
    metadata = (table.schema.metadata or {}) | {b"jaxcxr": json.dumps(origin).encode()}
    with atomic_path(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary)
