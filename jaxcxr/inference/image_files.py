"""Read image files of no dataset, by the recipe that a model was trained with."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from input_pipeline.decoding.decode import read_given
from input_pipeline.decoding.image_errors import UnreadableImageError
from input_pipeline.decoding.recipes import RECIPES
from jaxcxr.errors import InputError
from jaxcxr.files import atomic_path
from jaxcxr.inference.image_names import image_id_of, named_images
from jaxcxr.terminal import say


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
    """List files, every image file in folders, and those of patterns and lists.

    Raises:
      InputError: a path does not exist, or there is no image.
    """
    return list(named_images(paths)[0].values())


def read_images(
    files: Sequence[Path], recipe: str, size: int, rejects: list[tuple[str, str]]
) -> Iterator[tuple[str, np.ndarray]]:
    """Give the names and images `[size, size]` uint8 of what is readable; note the `rejects`."""
    for path in files:
        try:
            yield image_id_of(path), RECIPES[recipe](read_given(path), size)
        except UnreadableImageError as error:
            rejects.append((image_id_of(path), str(error)))


def rejects_of(out: Path) -> Path:
    """The file beside `out` that names what could not be read."""
    return out.with_name(f"{out.name}.rejects.csv")


def report_rejects(out: Path, rejects: list[tuple[str, str]]) -> None:
    """Name what could not be read, with the reasons, in `OUT.rejects.csv` and on the terminal."""
    rejects_of(out).unlink(missing_ok=True)
    if not rejects:
        return
    for name, reason in rejects:
        say(f"left out {name}: {reason}", error=True)
    with (
        atomic_path(rejects_of(out)) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows([("image_id", "reason"), *rejects])
