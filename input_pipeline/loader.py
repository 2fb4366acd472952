"""Read a prepared dataset: shuffled batches for training, batches in order for prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import grain
import numpy as np

from input_pipeline.images import Batch
from input_pipeline.images import Images as _Images
from input_pipeline.prepared import Prepared, open_prepared
from jaxcxr.errors import InputError

__all__ = ["Prepared", "eval_batches", "images_at", "open_prepared", "train_dataset"]

FOR_EVER = 2**40  # batches


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
