"""Read a prepared dataset: shuffled batches for training, batches in order for prediction.

The records are TFDS's, taken apart here by hand: TFDS's own reader gives the same at a third of the
speed (tested for equality).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import grain
import numpy as np
import pandas as pd
from array_record.python.array_record_data_source import ArrayRecordDataSource

from input_pipeline.builder import PROGRESS, shard_name
from jaxcxr.errors import InputError

Batch = dict[str, np.ndarray]

FOR_EVER = 2**40  # batches


@dataclass(frozen=True)
class Prepared:
    """A prepared dataset.

    Attributes:
      path: its directory.
      dataset: name, as `padchest`.
      labels: names, in the order of the stored label vectors.
      image_size: side of the images, pixels.
      cohort: `cohort.json`.
    """

    path: Path
    dataset: str
    labels: tuple[str, ...]
    image_size: int
    cohort: dict[str, Any]

    @cached_property
    def _records(self) -> pd.DataFrame:
        return pd.read_parquet(self.path / "records.parquet")

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits that hold images, in the order of the records."""
        return tuple(self._records["split"].unique())

    def records(self, split: str) -> pd.DataFrame:
        """Return ids, view, age, sex and labels of a split, in the order of its images."""
        return self._records[self._records["split"] == split].reset_index(drop=True)

    def columns(self, labels: Sequence[str] | None) -> np.ndarray:
        """Return the places of labels in the stored vectors.

        Raises:
          InputError: a label is not in the dataset; the message names the nearest.
        """
        names = self.labels if labels is None else labels
        for name in names:
            if name not in self.labels:
                close = difflib.get_close_matches(name, self.labels, n=1)
                hint = f" (did you mean {close[0]!r}?)" if close else ""
                raise InputError(
                    f"{self.path}: has no label {name!r}{hint}; it has {', '.join(self.labels)}"
                )
        return np.array([self.labels.index(name) for name in names])


def open_prepared(path: str | Path) -> Prepared:
    """Open a prepared dataset.

    Raises:
      InputError: there is none, or its preparation was not finished.
    """
    path = Path(path)
    if not (path / "cohort.json").is_file():
        reason = (
            "its preparation was not finished; run the same command again"
            if (path / PROGRESS).is_dir()
            else "python -m input_pipeline prepare makes one"
        )
        raise InputError(f"{path}: no prepared dataset there; {reason}")
    try:
        cohort = json.loads((path / "cohort.json").read_text(encoding="utf-8"))
        described = cohort["dataset"], tuple(cohort["labels"]), cohort["image_size"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path / 'cohort.json'}: damaged ({type(error).__name__}: {error}); prepare again"
        ) from None
    return Prepared(path, *described, cohort)


class _Images:
    """Images and labels of one split by row."""

    def __init__(self, prepared: Prepared, split: str, labels: Sequence[str] | None):
        images = len(prepared.records(split))
        if not images:
            raise InputError(
                f"{prepared.path}: no split {split!r}; it has {', '.join(prepared.splits)}"
            )
        self._source = ArrayRecordDataSource(_shards(prepared, split))
        if len(self._source) != images:
            raise InputError(
                f"{prepared.path}: holds {len(self._source)} images of {split} and "
                f"{images} in records.parquet; prepare again"
            )
        self._size, self._columns = prepared.image_size, prepared.columns(labels)

    def __len__(self) -> int:
        return len(self._source)

    def batch(self, rows: np.ndarray) -> Batch:
        """Read rows: `image`, `labels`, `mask` and `index`."""
        from tensorflow_datasets.proto import tf_example_pb2

        images = np.empty((len(rows), self._size, self._size), np.uint8)
        truth = np.empty((len(rows), len(self._columns)), np.int8)
        for place, row in enumerate(rows):
            example = tf_example_pb2.Example.FromString(self._source[int(row)])
            feature = example.features.feature
            flat = np.frombuffer(feature["image"].bytes_list.value[0], np.uint8)
            images[place] = flat.reshape(self._size, self._size)
            stored = np.asarray(feature["labels"].int64_list.value)
            truth[place] = stored[self._columns]
        return {
            "image": images,
            "labels": (truth == 1).astype(np.float32),
            "mask": (truth >= 0).astype(np.float32),
            "index": np.asarray(rows, np.int32),
        }


def _shards(prepared: Prepared, split: str) -> list[str]:
    """The files of a split, each of them there and whole."""
    first = next(prepared.path.glob(f"{prepared.dataset}-{split}.array_record-*"), None)
    count = int(first.name.rsplit("-", 1)[-1]) if first else 1
    paths = [
        prepared.path / shard_name(prepared.dataset, split, number, count)
        for number in range(count)
    ]
    for path in paths:
        try:
            ArrayRecordDataSource(str(path))
        except (OSError, ValueError, RuntimeError):
            state = "damaged; remove it and" if path.exists() else "missing;"
            raise InputError(f"{path}: {state} run its preparation again") from None
    return list(map(str, paths))


def train_dataset(
    prepared: Prepared,
    *,
    labels: Sequence[str] | None,
    batch_size: int,
    seed: int,
    split: str = "train",
    rows: np.ndarray | None = None,
    process_index: int = 0,
    process_count: int = 1,
) -> grain.IterDataset:
    """Shuffled batches for ever; each epoch in a new order, without its incomplete last batch.

    The iterator's `get_state` and `set_state` go on exactly. The global batches do not depend on
    the number of processes.

    Args:
      prepared: the dataset.
      labels: names to give, in this order; None for all.
      batch_size: images of a global batch.
      seed: of the order.
      split: to read.
      rows: of `prepared.records(split)` to read, as of `patient_subset`; None for all.
      process_index: whose contiguous part of each global batch to give.
      process_count: how many parts there are.

    Returns:
      Batches of `image` `[batch, size, size]` uint8, `labels` `[batch, labels]` float32 in {0, 1},
      `mask` `[batch, labels]` float32, 1 where the label is known, and `index` `[batch]` int32, the
      rows in `prepared.records(split)`.

    Raises:
      InputError: a label, split or shard is not there, or the batch size makes no sense.
    """
    images = _Images(prepared, split, labels)
    chosen = np.arange(len(images)) if rows is None else rows
    if not 0 < batch_size <= len(chosen):
        raise InputError(f"batch size {batch_size}: give 1 to {len(chosen)}, the images of {split}")
    if batch_size % process_count:
        raise InputError(f"a batch of {batch_size} does not divide among {process_count} processes")
    part = batch_size // process_count
    mine = slice(process_index * part, (process_index + 1) * part)
    batches = len(chosen) // batch_size

    def read(number: int) -> Batch:
        epoch, batch = divmod(number, batches)
        order = _order(len(chosen), seed, epoch)[batch * batch_size : (batch + 1) * batch_size]
        return images.batch(chosen[order[mine]])

    # Whole batches are numbered: Grain's own shuffle and batch, row by row, take twice the time
    # that reading takes.
    return (
        grain.MapDataset.range(FOR_EVER)
        .map(read)
        .to_iter_dataset(grain.ReadOptions(num_threads=2, prefetch_buffer_size=4))
    )


@lru_cache(maxsize=4)
def _order(images: int, seed: int, epoch: int) -> np.ndarray:
    """Return the rows of an epoch in random order, the same under every version of NumPy.

    NumPy promises that of the bits of a generator, and not of `permutation` (NEP 19).
    """
    bits = np.random.Philox(key=np.array([seed, epoch], np.int64).view(np.uint64))
    return np.argsort(bits.random_raw(images), kind="stable")


def eval_batches(
    prepared: Prepared,
    *,
    split: str,
    labels: Sequence[str] | None,
    batch_size: int,
    rows: np.ndarray | None = None,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[Batch]:
    """Batches in the order of `prepared.records(split)`; the last is filled up by its first image.

    Args:
      prepared: the dataset.
      split: to read.
      labels: names to give, in this order; None for all.
      batch_size: images of a global batch.
      rows: of `prepared.records(split)` to read, in this order; None for all.
      process_index: whose contiguous part of each global batch to give.
      process_count: how many parts there are.

    Returns:
      Batches as of `train_dataset`, with `valid` `[batch]` float32: 1 for an image of the split, 0
      for a repetition that fills the batch.

    Raises:
      InputError: a label, split or shard is not there.
    """
    images = _Images(prepared, split, labels)
    chosen = np.arange(len(images)) if rows is None else rows
    part = batch_size // process_count
    for start in range(0, len(chosen), batch_size):
        places = np.arange(start, start + batch_size)
        valid = places < len(chosen)
        places = np.where(valid, places, start)
        mine = slice(process_index * part, (process_index + 1) * part)
        yield images.batch(chosen[places[mine]]) | {"valid": valid[mine].astype(np.float32)}


def images_at(prepared: Prepared, split: str, rows: np.ndarray) -> np.ndarray:
    """Read images of a split by their rows in `prepared.records(split)`: `[rows, size, size]`.

    Raises:
      InputError: a split or shard is not there.
    """
    return _Images(prepared, split, None).batch(rows)["image"]
