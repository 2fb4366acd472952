"""Embed a prepared dataset, part by part: a kill loses one part at most."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from input_pipeline.loader import Prepared, open_prepared
from jaxcxr import __version__
from jaxcxr.errors import InputError
from jaxcxr.files import sha256
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.inference.embedding_parts import Parts, Report, joined, made_in_parts
from jaxcxr.inference.embeddings_file import (
    AUGMENTED_ONCE,
    FORMAT,
    Embeddings,
    check_suffix,
    pixel_digest,
)
from jaxcxr.inference.features import features_of_split, make_extract
from jaxcxr.model import Model, flatten, load, read_header, split
from jaxcxr.run.directory import WEIGHTS, read_config
from jaxcxr.run.learnt import read_learnt, to_json
from jaxcxr.run.mesh import make_mesh, put_state
from jaxcxr.run.pixels import PixelStatistics

PART = 512  # images
BATCH = 64

Batches = Iterator[tuple[Sequence[str], np.ndarray, np.ndarray]]  # ids, images, features


@dataclass(frozen=True)
class Backbone:
    """What makes features, and how it wants its images.

    Attributes:
      model: of a weights file or a run.
      pixels: mean and standard deviation of the normalisation.
      image_size: side in pixels; None where the images decide.
      recipe: that its images were prepared by; None where the images decide.
      origin: which weights, from where.
    """

    model: Model
    pixels: PixelStatistics
    image_size: int | None
    recipe: str | None
    origin: dict[str, Any]


def backbone_of_run(directory: Path) -> Backbone:
    """Take the model that a run chose, as it was trained: size, recipe and normalisation."""
    config = read_config(directory)
    model, _, pixels, origin = load_run(directory)
    described = {
        "weights": str(directory / WEIGHTS),
        "weights_sha256": origin.pop("weights_sha256"),
        "provenance": origin,
        "learnt": to_json(read_learnt(directory / WEIGHTS)),
    }
    return Backbone(model, pixels, config.image_size, origin.get("recipe"), described)


def backbone_of_weights(path: Path, image_size: int, normalization: str) -> Backbone:
    """Take a weights file, under the normalisation `study` ([0, 1]) or `weights` (its own)."""
    header = read_header(path)
    model = load(path, image_size=image_size)
    mean, std = np.zeros(3, np.float32), np.ones(3, np.float32)
    if normalization == "weights":
        mean = np.asarray(header.spec.pixel_mean, np.float32)
        std = np.asarray(header.spec.pixel_std, np.float32)
    described = {
        "weights": str(path),
        "weights_sha256": sha256(path),
        "provenance": header.provenance,
        "learnt": to_json(read_learnt(path)),
    }
    return Backbone(model, (mean, std), image_size, None, described)


Augment = Callable[[Sequence[str], np.ndarray], np.ndarray]  # ids and images -> images


def embed_prepared(
    backbone: Backbone,
    data: Path,
    out: Path,
    augment: tuple[Augment, dict[str, Any]] | None = None,
) -> int:
    """Embed every image of a prepared dataset; return how many.

    Args:
      backbone: that makes the features.
      data: the prepared dataset.
      out: file to write.
      augment: see `embed_rows`.

    Raises:
      InputError: the dataset is of another image size or recipe than the run's.
    """
    prepared = open_prepared(data)
    rows = {name: np.arange(len(prepared.records(name))) for name in prepared.splits}
    return len(embed_rows(backbone, prepared, rows, out, augment).image_id)


def embed_rows(
    backbone: Backbone,
    prepared: Prepared,
    rows: Mapping[str, np.ndarray],
    out: Path,
    augment: tuple[Augment, dict[str, Any]] | None = None,
) -> Embeddings:
    """Embed images of a prepared dataset.

    Args:
      backbone: that makes the features.
      prepared: the dataset.
      rows: of `prepared.records(split)`, by split.
      out: file to write.
      augment: changes every image before it is embedded, and what it does, for the header; the
        digests of pixels are of the images as they are stored.

    Raises:
      InputError: the dataset is of another image size or recipe than the run's.
    """
    check_suffix(out)
    wanted = {"image_size": backbone.image_size, "recipe": backbone.recipe}
    for name, value in wanted.items():
        if value is not None and value != prepared.cohort.get(name):
            raise InputError(
                f"{prepared.path}: prepared with {name} {prepared.cohort.get(name)}, but the "
                f"model's is {value}; prepare it again with that"
            )
    origin = origin_of(backbone, prepared.image_size, prepared.cohort.get("recipe"))
    origin |= {"dataset": prepared.dataset, "recipe_hash": prepared.cohort.get("recipe_hash")}
    origin["data"] = prepared.identity
    if augment is not None:
        origin[AUGMENTED_ONCE] = augment[1]
    mesh = make_mesh(-1, 1, batch_size=0)
    extract = make_extract(backbone.model, backbone.pixels, mesh)
    params = put_state(mesh, params_of(backbone))
    parts = [
        (name, chosen[start : start + PART])
        for name, chosen in rows.items()
        for start in range(0, len(chosen), PART)
    ]

    def batches(split_and_rows: tuple[str, np.ndarray]) -> Batches:
        name, rows = split_and_rows
        ids = prepared.records(name)["image_id"].astype(str).to_numpy()[rows]
        options: dict[str, Any] = {"batch_size": BATCH, "mesh": mesh, "rows": rows}
        if augment is not None:
            every = prepared.records(name)["image_id"].astype(str).to_numpy()
            options["change"] = lambda rows, images: augment[0](every[rows].tolist(), images)
        done = 0
        for images, features in features_of_split(extract, params, prepared, name, **options):
            yield ids[done : done + len(features)].tolist(), images, features
            done += len(features)

    def make(missing: Sequence[int], report: Report) -> Parts:
        for number in missing:
            yield number, _gather(batches(parts[number]), report)

    images = sum(len(chosen) for _, chosen in parts)
    identity = origin | {"images": images, "parts": _digest_of(prepared)}
    return joined(out, origin, made_in_parts(out, identity, len(parts), images, make))


def _digest_of(prepared: Prepared) -> str:
    """Tell one preparation's parts from another's."""
    return sha256(prepared.path / "records.parquet")


def params_of(backbone: Backbone) -> dict[str, Any]:
    """The backbone's parameters by path."""
    return flatten(split(backbone.model)[1])


def origin_of(backbone: Backbone, image_size: int, recipe: str | None) -> dict[str, Any]:
    """Say what makes features: the weights, and how their images are prepared."""
    mean, std = backbone.pixels
    return {
        "format": FORMAT,
        "tool_version": __version__,
        **backbone.origin,
        "image_size": image_size,
        "pooling": backbone.model.spec.pooling,
        "recipe": recipe,
        "normalization": {"mean": mean.tolist(), "std": std.tolist()},
    }


def _gather(batches: Batches, report: Report) -> Embeddings:
    ids: list[str] = []
    digests, features = [np.zeros(0, np.uint64)], []
    for names, images, values in batches:
        ids += names
        digests.append(pixel_digest(images))
        features.append(values)
        report(len(names))
    values = np.concatenate(features) if features else np.zeros((0, 2, 0), np.float32)
    pixels = np.concatenate(digests)
    origin = {"format": FORMAT}
    return Embeddings(np.array(ids, dtype=str), pixels, values[:, 0], values[:, 1], origin)
