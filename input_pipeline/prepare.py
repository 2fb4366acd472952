"""From a cohort and its raw images to a prepared dataset: parallel, resumable, reproducible.

The cohort's images are dealt to shards before any is opened, so that each shard is a piece of work
of its own: written whole by one process, skipped when it is there already, and the same whatever
the number of processes. An image that cannot be used is listed in `rejects.csv` with its reason.
"""

from __future__ import annotations

import csv
import hashlib
import inspect
import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from input_pipeline import decode, recipes
from input_pipeline.builder import shard_name, write_metadata, write_shard
from input_pipeline.cohort import Cohort, cohort_json
from input_pipeline.splits import SPLITS
from jaxcxr import __version__
from jaxcxr.errors import InputError
from jaxcxr.files import atomic_path, write_json

SHARD_IMAGES = 512
PROGRESS = ".progress"
COLUMNS = ["image_id", "patient_id", "study_id", "split", "view", "age", "sex"]


@dataclass(frozen=True)
class Shard:
    """One piece of the work.

    Attributes:
      path: of the file to write.
      raw_dir: the release.
      recipe: a key of `recipes.RECIPES`.
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
    def done(self) -> Path:
        """The file that says that the shard is written, and which images it rejected."""
        return self.path.parent / PROGRESS / f"{self.path.name}.json"


def prepare(
    cohort: Cohort,
    raw_dir: Path,
    out_dir: Path,
    *,
    recipe: str = "paper",
    size: int = 224,
    workers: int = 2,
    max_rejects: float = 0.01,
) -> None:
    """Prepare every image of a cohort; go on with what an earlier call began.

    Args:
      cohort: of `load_cohort`.
      raw_dir: the release.
      out_dir: becomes the prepared dataset.
      recipe: a key of `recipes.RECIPES`.
      size: side of the prepared images, pixels.
      workers: processes.
      max_rejects: share of the images that may be rejected.

    Raises:
      InputError: `out_dir` holds another preparation, or too many images are rejected.
    """
    settings = _settings(cohort, recipe, size)
    if not _begin(out_dir, settings):
        return
    shards = _deal(cohort, raw_dir, out_dir, recipe, size)
    _write_all([shard for shard in shards if not shard.done.exists()], len(shards), workers)
    _finish(cohort, out_dir, settings, shards, max_rejects)


def recipe_hash(recipe: str, size: int) -> str:
    """Name the exact preprocessing: the hash of its code, its libraries' versions, and the size."""
    import cv2
    import scipy

    said = [inspect.getsource(recipes), inspect.getsource(decode), recipe, str(size)]
    said += [cv2.__version__, scipy.__version__]
    return hashlib.sha256("\0".join(said).encode()).hexdigest()[:16]


def _settings(cohort: Cohort, recipe: str, size: int) -> dict[str, Any]:
    table = cohort.records.to_csv(index=False).encode()
    return {
        "recipe": recipe,
        "recipe_hash": recipe_hash(recipe, size),
        "image_size": size,
        "label_rules": cohort.label_rules,
        "cohort": hashlib.sha256(table).hexdigest()[:16],
    }


def _begin(out_dir: Path, settings: dict[str, Any]) -> bool:
    """Claim the directory; False if all is done there already."""
    finished, begun = out_dir / "cohort.json", out_dir / PROGRESS / "settings.json"
    for path in (finished, begun):
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            differing = [
                f"{name}: {found.get(name)} there, {value} now"
                for name, value in settings.items()
                if found.get(name) != value
            ]
            if differing:
                raise InputError(
                    f"{out_dir}: holds another preparation ({'; '.join(differing)}); use another "
                    "--out-dir or remove this one"
                )
    if not finished.exists():
        write_json(begun, settings)
    return not finished.exists()


def _deal(cohort: Cohort, raw_dir: Path, out_dir: Path, recipe: str, size: int) -> list[Shard]:
    shards = []
    for split in SPLITS:
        records = cohort.records[cohort.records["split"] == split]
        count = -(-len(records) // SHARD_IMAGES)
        for number in range(count):
            path = out_dir / shard_name(cohort.dataset, split, number, count)
            rows = records.iloc[number * SHARD_IMAGES : (number + 1) * SHARD_IMAGES]
            shards.append(Shard(path, raw_dir, recipe, size, cohort.labels, rows))
    return shards


def _write_all(todo: list[Shard], total: int, workers: int) -> None:
    columns = (
        TextColumn("preparing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("images, {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    images = sum(len(shard.records) for shard in todo)
    with Progress(*columns) as progress, _pool(workers) as pool:
        task = progress.add_task("", total=images, rate=f"{total - len(todo)} shards were there")
        futures = {pool.submit(_write, shard): shard for shard in todo}
        for future in as_completed(futures):
            future.result()
            progress.advance(task, len(futures[future].records))
            speed = progress.tasks[0].finished_speed or progress.tasks[0].speed
            progress.update(task, rate=f"{speed:.0f}/s" if speed else "")


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _write(shard: Shard) -> None:
    rejects: list[tuple[str, str]] = []
    write_shard(shard.path, shard.size, len(shard.labels), _examples(shard, rejects))
    write_json(shard.done, {"rejects": rejects})


def _examples(shard: Shard, rejects: list[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    labels = shard.records[list(shard.labels)].to_numpy(np.int8)
    for row, truth in zip(shard.records.itertuples(), labels, strict=True):
        try:
            content = decode.read_file(shard.raw_dir, str(row.image_path))
            image = recipes.RECIPES[shard.recipe](content, shard.size)
        except decode.UnreadableImageError as error:
            rejects.append((str(row.image_id), str(error)))
            continue
        texts = ("image_id", "patient_id", "study_id", "view", "sex")
        described = {name: str(getattr(row, name)) for name in texts}
        yield {"image": image, "labels": truth, "age": np.float32(row.age), **described}


def _finish(
    cohort: Cohort, out_dir: Path, settings: dict[str, Any], shards: list[Shard], share: float
) -> None:
    """Write rejects, records, TFDS's metadata and, last, `cohort.json`, which says: complete."""
    rejects = {
        image_id: (shard, reason)
        for shard in shards
        for image_id, reason in json.loads(shard.done.read_text(encoding="utf-8"))["rejects"]
    }
    with atomic_path(out_dir / "rejects.csv") as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", "image_path", "reason"])
        paths = cohort.records.set_index("image_id")["image_path"]
        writer.writerows([i, paths[i], reason] for i, (_, reason) in sorted(rejects.items()))
    if len(rejects) > share * len(cohort.records):
        raise InputError(
            f"{len(rejects)} of {len(cohort.records)} images are rejected, more than the "
            f"{share:.1%} allowed; see {out_dir / 'rejects.csv'}, and raise --max-rejects if "
            "they may all be left out"
        )
    kept = [shard.records[~shard.records["image_id"].isin(rejects)] for shard in shards]
    records = pd.concat(kept, ignore_index=True)
    with atomic_path(out_dir / "records.parquet") as temporary:
        records[[*COLUMNS, *cohort.labels]].to_parquet(temporary, index=False)
    lengths: dict[str, list[int]] = {}
    for shard, rows in zip(shards, kept, strict=True):
        lengths.setdefault(shard.records["split"].iloc[0], []).append(len(rows))
    write_metadata(out_dir, cohort.dataset, settings["image_size"], cohort.labels, lengths)
    described = cohort_json(cohort) | settings
    described |= {"labels": list(cohort.labels), "tool_version": __version__}
    described["prepared"] = {split: sum(counts) for split, counts in lengths.items()}
    described["rejected"] = len(rejects)
    write_json(out_dir / "cohort.json", described)
    for shard in shards:
        shard.done.unlink()
    (out_dir / PROGRESS / "settings.json").unlink()
    (out_dir / PROGRESS).rmdir()
