"""The training images most like an image, so that a reader can judge what a run says of it.

Alike is what the head reads alike: the cosine of class tokens, of several runs the mean of theirs.
The embeddings of a run's training images are made once and kept in the run, or where that cannot
be written beside the predictions; they are of the run's weights and its data, or are made again.

Of each neighbour, nearest first, the predictions have its image id in `neighbour1`, `neighbour2`,
..., the cosine in `neighbour1:similarity`, and in `neighbour1:labels` the labels that are positive
in it, and those not known, with a question mark, apart by semicolons.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from input_pipeline.loader import Prepared
from jaxcxr.errors import InputError
from jaxcxr.inference.embeddings import backbone_of_run, embed_rows
from jaxcxr.inference.embeddings_file import Embeddings, read_embeddings
from jaxcxr.run.belongs import open_run_data
from jaxcxr.run.directory import read_config
from jaxcxr.run.inputs import training_rows
from jaxcxr.terminal import say

CACHE = "training_embeddings.npz"


@dataclass(frozen=True)
class Training:
    """The images that runs learnt from.

    Attributes:
      count: how many are named for an image.
      image_id: `[images]`.
      truth: `[images, labels]`: 1, 0, or -1 where unknown.
      labels: names, in that order.
      features: of each run, `[images, width]` float32 of length 1.
      identity: what they are of, as plain JSON values.
    """

    count: int
    image_id: np.ndarray
    truth: np.ndarray
    labels: tuple[str, ...]
    features: list[np.ndarray]
    identity: dict[str, Any]

    def nearest(self, pooled: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Find the images most like others.

        Args:
          pooled: what each run's head reads of them, `[batch, width]`.

        Returns:
          Their places here, nearest first, and the similarities; both `[batch, count]`.
        """
        pairs = zip(pooled, self.features, strict=True)
        alike = np.mean([of_length_one(theirs) @ ours.T for theirs, ours in pairs], axis=0)
        rows = np.argpartition(-alike, self.count - 1, axis=1)[:, : self.count]
        # Of equal ones the first in the data.
        rows = np.sort(rows, axis=1)
        order = np.argsort(-np.take_along_axis(alike, rows, 1), axis=1, kind="stable")
        rows = np.take_along_axis(rows, order, 1)
        return rows, np.take_along_axis(alike, rows, 1)

    def columns(self, near: Sequence[Sequence[list]]) -> pd.DataFrame:
        """Name the neighbours of each image, from the places and similarities of `nearest`."""
        rows = np.array([one[0] for one in near], int)
        alike = np.array([one[1] for one in near], np.float32)
        found: dict[str, Any] = {}
        for place in range(self.count):
            name = f"neighbour{place + 1}"
            found[name] = self.image_id[rows[:, place]]
            found[f"{name}:similarity"] = alike[:, place]
            found[f"{name}:labels"] = [self._said(row) for row in rows[:, place]]
        return pd.DataFrame(found)

    def about(self) -> dict[str, Any]:
        """Say what the neighbours are, as plain JSON values."""
        return {
            "count": self.count,
            "among": f"the {len(self.image_id)} training images",
            "similarity": "cosine of class tokens, of several runs the mean",
            "labels": "positive ones; not known ones with a question mark",
        }

    def _said(self, row: int) -> str:
        pairs = zip(self.labels, self.truth[row], strict=True)
        return "; ".join(f"{name}?" if value < 0 else name for name, value in pairs if value)


def of_length_one(features: np.ndarray) -> np.ndarray:
    """Scale each of `[images, width]` to length 1; one of length 0 stays."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(length, np.finfo(np.float32).tiny)


def load_training(
    runs: Sequence[Path],
    labels: Sequence[str],
    origins: Sequence[dict[str, Any]],
    count: int,
    out: Path,
) -> Training:
    """Open the training images of runs, and embed them where that was not done yet.

    Args:
      runs: directories.
      labels: of the outputs.
      origins: provenance of each run's weights, as of `load_run`.
      count: how many to name for an image.
      out: of the predictions.

    Raises:
      InputError: the data are not there or others now, the runs learnt from other images than each
        other, or there are not so many.
    """
    ids, truth, features, data = None, None, [], []
    for run, origin in zip(runs, origins, strict=True):
        prepared = open_run_data(run, origin)
        rows = training_rows(read_config(run), prepared)
        records = prepared.records("train").iloc[rows]
        own = records["image_id"].to_numpy(dtype=str)
        if ids is None:
            ids, truth = own, records[list(labels)].to_numpy()
        elif not np.array_equal(ids, own):
            raise InputError(
                f"{run}: learnt from other images than {runs[0]}; --neighbours is of runs that "
                "learnt from the same"
            )
        if count > len(own):
            raise InputError(
                f"--neighbours {count}: {run} learnt from {len(own)} images; give at most as many"
            )
        found = _embedded(run, origin, prepared, rows, own, out)
        features.append(of_length_one(found.class_token))
        data.append(prepared.identity)
    assert ids is not None and truth is not None
    identity = {"count": count, "data": data}
    return Training(count, ids, truth, tuple(labels), features, identity)


def _embedded(
    run: Path,
    origin: dict[str, Any],
    prepared: Prepared,
    rows: np.ndarray,
    ids: np.ndarray,
    out: Path,
) -> Embeddings:
    """Read the embeddings of a run's training images, or make them."""
    beside = out.with_name(f"{out.name}.{origin['weights_sha256'][:12]}.{CACHE}")
    place = run / CACHE if os.access(run, os.W_OK) else beside
    if place.is_file():
        kept = _kept(place, origin, prepared, ids)
        if isinstance(kept, Embeddings):
            return kept
        say(f"{place}: {kept}; made again", error=True)
    return embed_rows(backbone_of_run(run), prepared, {"train": rows}, place)


def _kept(
    place: Path, origin: dict[str, Any], prepared: Prepared, ids: np.ndarray
) -> Embeddings | str:
    """Read kept embeddings, or say why they are not of this run and its data."""
    try:
        kept = read_embeddings(place)
    except InputError:
        return "damaged"
    if kept.origin.get("weights_sha256") != origin["weights_sha256"]:
        return "of other weights than the run's"
    if kept.origin.get("data") != prepared.identity or not np.array_equal(kept.image_id, ids):
        return "of other data than the run's"
    return kept
