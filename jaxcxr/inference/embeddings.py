"""Embed a prepared dataset or image files, part by part: a kill loses one part at most."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from input_pipeline.loader import Prepared, open_prepared
from input_pipeline.recipe_hash import recipe_hash
from jaxcxr import __version__
from jaxcxr.errors import InputError
from jaxcxr.files import sha256, write_json
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.inference.embeddings_file import (
    FORMAT,
    Embeddings,
    check_suffix,
    pixel_digest,
    read_embeddings,
    write_embeddings,
)
from jaxcxr.inference.features import features_of_split, make_extract
from jaxcxr.inference.forward import fill_devices
from jaxcxr.inference.image_files import (
    find_images,
    image_id_of,
    known_recipe,
    padded_batches,
    read_images,
    report_rejects,
)
from jaxcxr.model import ViT, flatten, load, read_header, split
from jaxcxr.run.directory import WEIGHTS, read_config
from jaxcxr.run.learnt import read_learnt, to_json
from jaxcxr.run.mesh import make_mesh, put_state
from jaxcxr.run.pixels import PixelStatistics
from jaxcxr.small_files import read_json
from jaxcxr.terminal import console

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

    model: ViT
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


def embed_prepared(backbone: Backbone, data: Path, out: Path) -> int:
    """Embed every image of a prepared dataset; return how many.

    Raises:
      InputError: the dataset is of another image size or recipe than the run's.
    """
    check_suffix(out)
    prepared = open_prepared(data)
    wanted = {"image_size": backbone.image_size, "recipe": backbone.recipe}
    for name, value in wanted.items():
        if value is not None and value != prepared.cohort.get(name):
            raise InputError(
                f"{data}: prepared with {name} {prepared.cohort.get(name)}, but the model's is "
                f"{value}; prepare it again with that"
            )
    origin = _origin(backbone, prepared.image_size, prepared.cohort.get("recipe"))
    origin |= {"dataset": prepared.dataset, "recipe_hash": prepared.cohort.get("recipe_hash")}
    mesh = make_mesh(-1, 1, batch_size=0)
    extract = make_extract(backbone.model, backbone.pixels, mesh)
    params = put_state(mesh, _params(backbone))
    parts = [
        (name, np.arange(start, min(start + PART, len(prepared.records(name)))))
        for name in prepared.splits
        for start in range(0, len(prepared.records(name)), PART)
    ]

    def batches(split_and_rows: tuple[str, np.ndarray]) -> Batches:
        name, rows = split_and_rows
        ids = prepared.records(name)["image_id"].astype(str).to_numpy()[rows]
        options: dict[str, Any] = {"batch_size": BATCH, "mesh": mesh, "rows": rows}
        done = 0
        for images, features in features_of_split(extract, params, prepared, name, **options):
            yield ids[done : done + len(features)].tolist(), images, features
            done += len(features)

    images = sum(len(rows) for _, rows in parts)
    identity = origin | {"images": images, "parts": _digest_of(prepared)}
    return len(_in_parts(out, identity, parts, batches, images).image_id)


def _digest_of(prepared: Prepared) -> str:
    """Tell one preparation's parts from another's."""
    return sha256(prepared.path / "records.parquet")


def embed_files(backbone: Backbone, paths: Sequence[Path], recipe: str, out: Path) -> int:
    """Embed files, and every image file in folders; return how many could be read.

    What cannot be read is named, and listed with its reason in `OUT.rejects.csv`.
    """
    check_suffix(out)
    assert backbone.image_size is not None
    size = backbone.image_size
    if backbone.recipe is not None:
        recipe = known_recipe(backbone.recipe, Path(backbone.origin["weights"]))
    files = find_images(paths)
    origin = _origin(backbone, size, recipe)
    origin |= {"dataset": None, "recipe_hash": recipe_hash(recipe, size)}
    mesh = make_mesh(-1, 1, batch_size=0)
    extract = make_extract(backbone.model, backbone.pixels, mesh)
    params = put_state(mesh, _params(backbone))

    def batches(chosen: Sequence[Path]) -> Batches:
        readable = read_images(chosen, recipe, size, [])
        for names, images in padded_batches(readable, fill_devices(BATCH, mesh)):
            yield names, images[: len(names)], np.asarray(extract(params, images))[: len(names)]

    parts = [files[start : start + PART] for start in range(0, len(files), PART)]
    identity = origin | {"images": len(files), "parts": [image_id_of(file) for file in files]}
    found = _in_parts(out, identity, parts, batches, len(files))
    # Those of parts that an earlier try made are to be named as well, so all are tried again here.
    done = set(found.image_id.tolist())
    unread = [file for file in files if image_id_of(file) not in done]
    rejects: list[tuple[str, str]] = []
    for _ in read_images(sorted(set(unread)), recipe, size, rejects):
        pass
    report_rejects(out, rejects)
    return len(found.image_id)


def _params(backbone: Backbone) -> dict[str, Any]:
    return flatten(split(backbone.model)[1])


def _origin(backbone: Backbone, image_size: int, recipe: str | None) -> dict[str, Any]:
    mean, std = backbone.pixels
    return {
        "format": FORMAT,
        "tool_version": __version__,
        **backbone.origin,
        "image_size": image_size,
        "recipe": recipe,
        "normalization": {"mean": mean.tolist(), "std": std.tolist()},
    }


def _in_parts(
    out: Path,
    identity: dict[str, Any],
    parts: Sequence[Any],
    batches: Callable[[Any], Batches],
    images: int,
) -> Embeddings:
    """Make what is missing of the parts beside `out`, then write `out` and remove them."""
    folder = out.with_name(f"{out.name}.parts")
    if not _same(folder / "made.json", identity):
        shutil.rmtree(folder, ignore_errors=True)
        write_json(folder / "made.json", identity)
    bar = (
        TextColumn("embedding"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("images"),
        TimeRemainingColumn(),
    )
    found = []
    with Progress(*bar, console=console(stderr=True)) as progress:
        task = progress.add_task("", total=images)
        for number, part in enumerate(parts):
            path = folder / f"{number:06}.npz"
            one = _whole(path)
            if one is None:
                one = _gather(batches(part), lambda count: progress.advance(task, count))
                write_embeddings(path, one)
            else:
                progress.advance(task, len(one.image_id))
            found.append(one)
    found = [one for one in found if len(one.image_id)]
    if not found:
        raise InputError(f"none of the {images} images can be read; see what predict says of one")
    del identity["parts"]
    columns = ("image_id", "pixels", "class_token", "patch_mean")
    joined = {name: np.concatenate([getattr(one, name) for one in found]) for name in columns}
    whole = Embeddings(**joined, origin=identity | {"images": len(joined["image_id"])})
    write_embeddings(out, whole)
    shutil.rmtree(folder)
    return whole


def _same(path: Path, identity: dict[str, Any]) -> bool:
    try:
        made = read_json(path, dict[str, Any], "an account of parts", "embed again")
    except InputError:
        return False
    return made == json.loads(json.dumps(identity))


def _whole(path: Path) -> Embeddings | None:
    """Read a part; None where there is none, or what a full disk or a bad one left of it."""
    try:
        return read_embeddings(path)
    except InputError:
        return None


def _gather(batches: Batches, report: Callable[[int], None]) -> Embeddings:
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
