"""Predictions for image files of no dataset, by the recipe that the run was trained with."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from input_pipeline.decode import read_given
from input_pipeline.identity import digest_of_pixels
from input_pipeline.image_errors import UnreadableImageError
from input_pipeline.recipes import RECIPES
from jaxcxr.errors import InputError
from jaxcxr.files import atomic_path
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.inference.forward import fill_devices, make_forward
from jaxcxr.inference.predictions_file import write_predictions
from jaxcxr.model import flatten, split
from jaxcxr.run.directory import WEIGHTS, read_config
from jaxcxr.run.learnt import Learnt, read_learnt
from jaxcxr.run.mesh import make_mesh
from jaxcxr.terminal import say

SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")


def predict_images(directory: Path, out: Path, paths: Sequence[Path]) -> None:
    """Predict files, and every image file in folders; what cannot be read is named.

    Writes `out` with the paths as `image_id` and every label unknown (-1), and, where there are
    unreadable files, `OUT.rejects.csv` with the reasons. Their `split` is `files`; that of pictures
    that the model learnt from is `train`, and they are named.

    Args:
      directory: of the run.
      out: parquet file to write.
      paths: files and folders.

    Raises:
      InputError: a path does not exist, or no file can be read.
    """
    config = read_config(directory)
    model, labels, pixels, origin = load_run(directory)
    mesh = make_mesh(-1, 1, batch_size=0)
    batch_size = fill_devices(config.eval_batch_size, mesh)
    forward, params = make_forward(model, pixels, mesh), flatten(split(model)[1])
    rejects: list[tuple[str, str]] = []
    recipe = known_recipe(origin.get("recipe"), directory / WEIGHTS)
    readable = read_images(find_images(paths), recipe, config.image_size, rejects)
    names, logits, digests = [], [], []
    for batch_names, images in padded_batches(readable, batch_size):
        names += batch_names
        digests += [int(digest_of_pixels(image.data), 16) for image in images[: len(batch_names)]]
        logits.append(forward(params, images)[: len(batch_names)])
    report_rejects(out, rejects)
    if not names:
        raise InputError(f"none of {len(rejects)} files can be read; see {_rejects(out)}")
    split_of = _split_of(names, np.array(digests, np.uint64), read_learnt(directory / WEIGHTS))
    described = {"image_id": names, "patient_id": "", "split": split_of, "view": "", "sex": ""}
    frame = pd.DataFrame(described | {"age": np.nan} | {f"label:{name}": -1 for name in labels})
    scores = pd.DataFrame(np.concatenate(logits), columns=[f"logit:{name}" for name in labels])
    write_predictions(out, [pd.concat([frame, scores], axis=1)], origin)


def _split_of(names: Sequence[str], digests: np.ndarray, learnt: Learnt) -> list[str]:
    """Say `train` of the pictures that the model learnt from, which are no test of it."""
    seen = np.isin(digests, learnt.get("pixels", []))
    if seen.any():
        first = names[int(np.flatnonzero(seen)[0])]
        say(
            f"{int(seen.sum())} of {len(names)} images were trained on by this run, the first "
            f"{first}; their split is train in the predictions",
            error=True,
        )
    return np.where(seen, "train", "files").tolist()


def known_recipe(recipe: str | None, weights: Path) -> str:
    """Return the recipe that weights name.

    Raises:
      InputError: there is none of that name.
    """
    if recipe not in RECIPES:
        raise InputError(
            f"{weights}: its images were prepared by the recipe {recipe!r}, and this version has "
            f"{', '.join(RECIPES)}; predict by the version that trained it"
        )
    return recipe


def find_images(paths: Sequence[Path]) -> list[Path]:
    """List files, and every image file in folders.

    Raises:
      InputError: a path does not exist, or there is no image.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            found += sorted(inside)
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"--images {path}: no such file or folder")
    if not found:
        raise InputError(f"--images: no {', '.join(SUFFIXES)} file in {', '.join(map(str, paths))}")
    of_name: dict[str, Path] = {}
    for path in found:
        if of_name.setdefault(image_id_of(path), path) != path:
            raise InputError(f"--images: two files would be called {image_id_of(path)}; rename one")
    return found


def image_id_of(path: Path) -> str:
    r"""Name a file's image by its path; a byte of it that is no UTF-8 becomes `\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def read_images(
    files: Sequence[Path], recipe: str, size: int, rejects: list[tuple[str, str]]
) -> Iterator[tuple[str, np.ndarray]]:
    """Give the names and images `[size, size]` uint8 of what is readable; note the `rejects`."""
    for path in files:
        try:
            yield image_id_of(path), RECIPES[recipe](read_given(path), size)
        except UnreadableImageError as error:
            rejects.append((image_id_of(path), str(error)))


def padded_batches(
    images: Iterator[tuple[str, np.ndarray]], batch_size: int
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Gather full batches; the last one is filled up with black images, without a name."""
    names: list[str] = []
    batch: np.ndarray | None = None
    for name, image in images:
        if batch is None:
            batch = np.zeros((batch_size, *image.shape), np.uint8)
        batch[len(names)] = image
        names.append(name)
        if len(names) == batch_size:
            yield names, batch
            names, batch = [], None
    if batch is not None:
        yield names, batch


def _rejects(out: Path) -> Path:
    return out.with_name(f"{out.name}.rejects.csv")


def report_rejects(out: Path, rejects: list[tuple[str, str]]) -> None:
    """Name what could not be read, with the reasons, in `OUT.rejects.csv` and on the terminal."""
    _rejects(out).unlink(missing_ok=True)
    if not rejects:
        return
    for name, reason in rejects:
        say(f"left out {name}: {reason}", error=True)
    with (
        atomic_path(_rejects(out)) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows([("image_id", "reason"), *rejects])
