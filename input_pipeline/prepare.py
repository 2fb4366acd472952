"""From a cohort and its raw images to a prepared dataset: parallel, resumable, reproducible.

The same cohort, images and settings give the same bytes, whatever the number of processes and
however often the preparation was killed and begun again. An image that cannot be used is listed in
`rejects.csv` with its reason.
"""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from input_pipeline.builder import PROGRESS, write_metadata
from input_pipeline.cohort import Cohort, cohort_json
from input_pipeline.cohort_file import read_cohort
from input_pipeline.decoding.recipe_hash import recipe_hash
from input_pipeline.decoding.recipes import RECIPES
from input_pipeline.identity import PIXELS, differences, identify
from input_pipeline.shards import Shard, deal, note
from input_pipeline.workers import write_shards
from jaxcxr import __version__
from jaxcxr.errors import InputError, reading
from jaxcxr.files import TEMPORARY, atomic_path, clear_left, take_lock, write_json
from jaxcxr.small_files import read_json

COLUMNS = ["image_id", "patient_id", "study_id", "split", "view", "age", "sex"]
SIZES = range(16, 2049)
LOOKED_FOR, MANY = 1000, 0.1  # images, about; share of them that no few lost files explain
TEXT_BYTES = 1024  # of one record beside its image, at most

WriteShards = Callable[[list[Shard]], None]


def prepare(
    cohort: Cohort,
    raw_dir: Path,
    out_dir: Path,
    *,
    recipe: str = "paper",
    size: int = 224,
    workers: int = 2,
    max_rejects: float = 0.01,
    write: WriteShards | None = None,
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
      write: how shards are written; None for `workers` processes of this machine.

    Raises:
      InputError: a setting makes no sense, `out_dir` holds another preparation or cannot hold this
        one, or too many images are rejected.
    """
    _check_settings(recipe, size, workers, max_rejects)
    settings = _settings(cohort, recipe, size)
    shards = deal(cohort, raw_dir, out_dir, recipe, size)
    with _claimed(out_dir):
        _begin(out_dir, settings, shards)
        if not (out_dir / "cohort.json").exists():
            todo = [shard for shard in shards if not shard.done]
            _check_images(raw_dir, todo, max_rejects)
            _check_space(out_dir, sum(len(shard.records) for shard in todo), size)
            (write or partial(write_shards, workers=workers))(todo)
            _finish(cohort, out_dir, settings, shards, max_rejects)
        else:
            _add_identity(out_dir, read_cohort(out_dir))
        _tidy(out_dir)


def _check_settings(recipe: str, size: int, workers: int, max_rejects: float) -> None:
    if recipe not in RECIPES:
        raise InputError(f"unknown recipe {recipe!r}; known: {', '.join(RECIPES)}")
    if size not in SIZES:
        raise InputError(f"image size {size}: give {SIZES[0]} to {SIZES[-1]} pixels")
    if workers < 1:
        raise InputError(f"workers {workers}: give at least 1")
    if not 0 <= max_rejects <= 1:
        raise InputError(f"max-rejects {max_rejects}: give a share from 0 to 1")


def _settings(cohort: Cohort, recipe: str, size: int) -> dict[str, Any]:
    table = cohort.records.to_csv(index=False).encode()
    return {
        "recipe": recipe,
        "recipe_hash": recipe_hash(recipe, size),
        "image_size": size,
        "label_rules": cohort.label_rules,
        "cohort": hashlib.sha256(table).hexdigest()[:16],
    }


@contextmanager
def _claimed(out_dir: Path) -> Iterator[None]:
    """Keep the folder from a second process; the lock ends with this one, however it ends."""
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        folder = os.open(out_dir, os.O_RDONLY)
    except OSError as error:
        raise InputError(f"--out-dir {out_dir}: {error.strerror}") from None
    try:
        if not os.access(out_dir, os.W_OK | os.X_OK):
            raise InputError(f"--out-dir {out_dir}: not writable")
        if not take_lock(folder):
            raise InputError(f"{out_dir}: another process is preparing there; wait for it")
        yield
    finally:
        os.close(folder)


def _begin(out_dir: Path, settings: dict[str, Any], shards: list[Shard]) -> None:
    """Refuse another preparation's folder; reopen a finished one that lost shards."""
    finished, begun = out_dir / "cohort.json", out_dir / PROGRESS / "settings.json"
    for path in (finished, begun):
        if path.exists():
            _compare(path, settings)
    if not (finished.exists() or begun.exists()) and any(map(_is_anothers, out_dir.iterdir())):
        raise InputError(f"{out_dir} is not empty; choose another --out-dir or empty it")
    if not finished.exists():
        write_json(begun, settings)
    elif not all(path.is_file() for path in (*_beside(out_dir), *(one.path for one in shards))):
        _reopen(out_dir, settings, shards)


def _is_anothers(path: Path) -> bool:
    """Whether a file is none that a preparation leaves which a full disk ended at once."""
    return path.name != PROGRESS and not TEMPORARY.fullmatch(path.name)


def _beside(out_dir: Path) -> list[Path]:
    """What lies beside the shards and `cohort.json`."""
    names = ("records.parquet", "rejects.csv", "dataset_info.json", "features.json")
    return [out_dir / name for name in names]


def _reopen(out_dir: Path, settings: dict[str, Any], shards: list[Shard]) -> None:
    """Make of a finished preparation that lost files one that was begun.

    Its shards stay if it still knows what they left out. The identity that it had is kept, to be
    compared with that of what is made of it.
    """
    rejects = out_dir / "rejects.csv"
    if rejects.is_file():
        with (
            reading(rejects, "a list of rejects", "remove it and run the same command again"),
            rejects.open(newline="", encoding="utf-8") as file,
        ):
            reasons = {row["image_id"]: row["reason"] for row in csv.DictReader(file)}
        for shard in shards:
            ids = [image_id for image_id in shard.records["image_id"] if image_id in reasons]
            note(shard, {image_id: reasons[image_id] for image_id in ids})
    had = {name: value for name, value in read_cohort(out_dir).items() if name == "identity"}
    write_json(out_dir / PROGRESS / "settings.json", settings | had)
    (out_dir / "cohort.json").unlink()


def _compare(path: Path, settings: dict[str, Any]) -> None:
    remedy = "use another --out-dir or remove this one"
    found = read_json(path, dict[str, Any], "a preparation's settings", remedy)
    differing = [
        f"{name}: {found.get(name)} there, {value} now"
        for name, value in settings.items()
        if found.get(name) != value
    ]
    if differing:
        raise InputError(
            f"{path.parent}: holds another preparation ({'; '.join(differing)}); {remedy}"
        )


def _check_images(raw_dir: Path, todo: list[Shard], max_rejects: float) -> None:
    """Look for some of the images, so that a wrong folder is told before the pass over them all."""
    paths = [path for shard in todo for path in shard.records["image_path"]]
    some = paths[:: max(1, len(paths) // LOOKED_FOR)]
    absent = [path for path in some if not (raw_dir / path).exists()]
    if len(absent) > max(max_rejects, MANY) * len(some):
        raise InputError(
            f"{len(absent)} of {len(some)} images looked for are not in {raw_dir}, the first is "
            f"{absent[0]}; give the folder that holds tables and images, with all of it unpacked"
        )


def _check_space(out_dir: Path, images: int, size: int) -> None:
    needed, free = images * (size * size + TEXT_BYTES), shutil.disk_usage(out_dir).free
    if needed > free:
        raise InputError(
            f"{out_dir}: {images:,} images need up to {needed / 1e9:,.3g} GB, and "
            f"{free / 1e9:,.3g} GB are free there"
        )


def _finish(
    cohort: Cohort, out_dir: Path, settings: dict[str, Any], shards: list[Shard], share: float
) -> None:
    """Write rejects, records, TFDS's metadata and, last, `cohort.json`, which says: complete."""
    rejects = {image_id: why for shard in shards for image_id, why in shard.rejects().items()}
    _write_rejects(out_dir / "rejects.csv", cohort, rejects)
    if len(rejects) > share * len(cohort.records):
        raise InputError(
            f"{len(rejects)} of {len(cohort.records)} images are rejected, more than the "
            f"{share:.1%} allowed; see {out_dir / 'rejects.csv'}, and raise --max-rejects if "
            "they may all be left out"
        )
    kept = [shard.records[~shard.records["image_id"].isin(rejects)] for shard in shards]
    lengths: dict[str, list[int]] = {}
    for shard, rows in zip(shards, kept, strict=True):
        lengths.setdefault(shard.split, []).append(len(rows))
    for split, counts in lengths.items():
        if not sum(counts):
            raise InputError(f"no image of {split} can be used; see {out_dir / 'rejects.csv'}")
    records = pd.concat(kept, ignore_index=True)
    with atomic_path(out_dir / "records.parquet") as temporary:
        records[[*COLUMNS, *cohort.labels]].to_parquet(temporary, index=False)
    write_metadata(out_dir, cohort.dataset, settings["image_size"], cohort.labels, lengths)
    described = cohort_json(cohort) | settings
    described |= {"labels": list(cohort.labels), "tool_version": __version__}
    described["prepared"] = {split: sum(counts) for split, counts in lengths.items()}
    described["rejected"] = len(rejects)
    _add_identity(out_dir, described)


def _add_identity(out_dir: Path, described: dict[str, Any]) -> None:
    """Read back what was prepared, and write `cohort.json` with the digests of all of it.

    A dataset that was prepared before there were any gets them too.
    """
    if "identity" in described:
        return
    from input_pipeline.prepared import Prepared, read_records

    labels = tuple(described["labels"])
    prepared = Prepared(out_dir, described["dataset"], labels, described["image_size"], described)
    records = read_records(out_dir / "records.parquet", labels).assign(**{PIXELS: prepared.pixels})
    with atomic_path(out_dir / "records.parquet") as temporary:
        records.to_parquet(temporary, index=False)
    found = identify(records, described, labels, records[PIXELS].tolist())
    begun = out_dir / PROGRESS / "settings.json"
    had = read_json(begun, dict[str, Any], "settings", "prepare again") if begun.exists() else {}
    if had.get("identity", found) != found:
        raise InputError(
            f"{out_dir}: its shards are not those that were prepared: "
            f"{differences(had['identity'], found)}; remove the folder and prepare again"
        )
    write_json(out_dir / "cohort.json", described | {"identity": found})


def _write_rejects(path: Path, cohort: Cohort, rejects: dict[str, str]) -> None:
    paths = cohort.records.set_index("image_id")["image_path"]
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["image_id", "image_path", "reason"])
        writer.writerows([name, paths[name], why] for name, why in sorted(rejects.items()))


def _tidy(out_dir: Path) -> None:
    """Remove the notes, and what killed processes left, of earlier versions too."""
    shutil.rmtree(out_dir / PROGRESS, ignore_errors=True)
    clear_left(out_dir)
    for path in out_dir.iterdir():
        if TEMPORARY.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)
