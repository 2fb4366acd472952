"""The work of a preparation, dealt to shards before any image is opened.

A shard is a piece of work of its own: written whole by one process, here or on a cluster, and the
same whatever the number of processes. `write` is the one place where images are prepared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from typing_extensions import TypedDict

from input_pipeline.builder import PROGRESS, shard_name, write_shard
from input_pipeline.cohort import Cohort
from input_pipeline.decoding import decode
from input_pipeline.decoding.image_errors import UnreadableImageError
from input_pipeline.decoding.recipes import RECIPES
from input_pipeline.splits import SPLITS
from jaxcxr.files import write_json
from jaxcxr.small_files import read_json

SHARD_IMAGES = 512


class Note(TypedDict):
    """What is noted of a written shard: the reason for each image that was rejected, by id."""

    rejects: dict[str, str]


@dataclass(frozen=True)
class Shard:
    """One piece of the work.

    Attributes:
      path: of the file to write.
      raw_dir: the release.
      recipe: a key of `RECIPES`.
      size: side of the prepared images.
      labels: names.
      records: the cohort's rows of this shard.
    """

    path: Path
    raw_dir: Path
    recipe: str
    size: int
    labels: tuple[str, ...]
    records: pd.DataFrame

    @property
    def note(self) -> Path:
        """The file that says that the shard is written, and which images it rejected."""
        return self.path.parent / PROGRESS / f"{self.path.name}.json"

    @property
    def done(self) -> bool:
        """Whether it need not be written again."""
        return self.note.exists() and self.path.exists()

    @property
    def split(self) -> str:
        """The split that it belongs to, whole."""
        return str(self.records["split"].iloc[0])

    @property
    def names(self) -> list[str]:
        """The images' ids."""
        return self.records["image_id"].astype(str).tolist()

    def work(self, watch: Callable[[int | None], None], known_bad: Mapping[str, str]) -> None:
        """Write it; see `write`."""
        write(self, watch, known_bad)

    def try_one(self, row: int) -> None:
        """Prepare one image; see `prepared_image`."""
        prepared_image(self, row)

    def rejects(self) -> dict[str, str]:
        """The reason for each image that could not be used, by its id."""
        remedy = f"remove it and {self.path.name}, and run the same command again"
        return dict(read_json(self.note, Note, "a shard's note", remedy)["rejects"])


def deal(cohort: Cohort, raw_dir: Path, out_dir: Path, recipe: str, size: int) -> list[Shard]:
    """Deal a cohort's images to shards, in the order of their ids within each split."""
    shards = []
    for split in SPLITS:
        records = cohort.records[cohort.records["split"] == split]
        count = -(-len(records) // SHARD_IMAGES)
        for number in range(count):
            path = out_dir / shard_name(cohort.dataset, split, number, count)
            rows = records.iloc[number * SHARD_IMAGES : (number + 1) * SHARD_IMAGES]
            shards.append(Shard(path, raw_dir, recipe, size, cohort.labels, rows))
    return shards


def write(
    shard: Shard,
    watch: Callable[[int | None], None] = lambda row: None,
    known_bad: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Prepare and write the images of a shard, then note that it is done.

    Args:
      shard: the piece of work.
      watch: called before each image with its row, and after it with None.
      known_bad: reasons for images that are not even to be opened, by id.
    """
    rejects: dict[str, str] = {}
    examples = _examples(shard, rejects, watch, known_bad)
    write_shard(shard.path, shard.size, len(shard.labels), examples)
    note(shard, rejects)


def prepared_image(shard: Shard, row: int) -> np.ndarray:
    """Prepare one image of a shard.

    Raises:
      UnreadableImageError: it cannot be used.
    """
    content = decode.read_file(shard.raw_dir, str(shard.records["image_path"].iloc[row]))
    try:
        return RECIPES[shard.recipe](content, shard.size)
    except MemoryError:
        raise UnreadableImageError("takes more memory than an image may") from None


def note(shard: Shard, rejects: dict[str, str]) -> None:
    """Note that a shard is written."""
    write_json(shard.note, {"rejects": rejects})


def _examples(
    shard: Shard,
    rejects: dict[str, str],
    watch: Callable[[int | None], None],
    known_bad: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    labels = shard.records[list(shard.labels)].to_numpy(np.int8)
    ages = shard.records["age"].to_numpy(np.float32)
    rows = zip(shard.records.itertuples(), labels, ages, strict=True)
    for number, (row, truth, age) in enumerate(rows):
        watch(number)
        image_id = str(row.image_id)
        try:
            if image_id in known_bad:
                raise UnreadableImageError(known_bad[image_id])
            image = prepared_image(shard, number)
        except UnreadableImageError as error:
            rejects[image_id] = str(error)
            watch(None)
        else:
            watch(None)
            texts = ("image_id", "patient_id", "study_id", "view", "sex")
            described = {name: str(getattr(row, name)) for name in texts}
            yield {"image": image, "labels": truth, "age": age, **described}
