"""Image files of no release: opened, prepared by a recipe, and what their headers say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from input_pipeline.decoding.decode import read_file
from input_pipeline.decoding.dicom_about import About, about
from input_pipeline.decoding.image_errors import UnreadableImageError
from input_pipeline.decoding.recipes import RECIPES, shown


@dataclass(frozen=True)
class Opened:
    """Files of a piece of work.

    Attributes:
      images: `[files, size, size]` uint8; black where a file could not be used.
      reasons: why not; empty for those that could.
      about: what their headers say.
      shown: where asked for, each picture at its own size, `[height, width]` uint8, see
        `input_pipeline.decoding.recipes.shown`; None for those that could not be used.
    """

    images: np.ndarray
    reasons: list[str]
    about: list[About]
    shown: list[np.ndarray | None]


@dataclass(frozen=True)
class ImageFiles:
    """Files to open and prepare, as a piece of work of `input_pipeline.workers`.

    Attributes:
      names: of the images, each once.
      paths: of the files.
      recipe: a key of `RECIPES`.
      size: side of the prepared images.
      show: give the pictures at their own size, too.
    """

    names: tuple[str, ...]
    paths: tuple[Path, ...]
    recipe: str
    size: int
    show: bool = False

    def work(self, watch: Callable[[int | None], None], known_bad: Mapping[str, str]) -> Opened:
        """Open all of them; what cannot be used is left black, with its reason."""
        images = np.zeros((len(self.names), self.size, self.size), np.uint8)
        reasons, headers = [""] * len(self.names), [about(b"")] * len(self.names)
        pictures: list[np.ndarray | None] = [None] * len(self.names)
        for row, name in enumerate(self.names):
            watch(row)
            try:
                if name in known_bad:
                    raise UnreadableImageError(known_bad[name])
                images[row], headers[row], pictures[row] = self._one(row)
            except UnreadableImageError as error:
                reasons[row] = str(error)
            watch(None)
        return Opened(images, reasons, headers, pictures)

    def try_one(self, row: int) -> None:
        """Open one of them.

        Raises:
          UnreadableImageError: it cannot be used.
        """
        self._one(row)

    def _one(self, row: int) -> tuple[np.ndarray, About, np.ndarray | None]:
        # A link that the user named, or that lies in a named folder, is followed.
        try:
            path = self.paths[row].resolve()
        except (OSError, RuntimeError):
            raise UnreadableImageError("cannot be read: a loop of links") from None
        content = read_file(path.parent, path.name)
        try:
            image = RECIPES[self.recipe](content, self.size)
            return image, about(content), shown(content) if self.show else None
        except MemoryError:
            raise UnreadableImageError("takes more memory than an image may") from None
