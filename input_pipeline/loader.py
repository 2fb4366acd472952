"""Read a prepared dataset: shuffled batches for training, batches in order for prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import grain
import numpy as np
from absl import flags

from input_pipeline.images import Batch, targets
from input_pipeline.images import Images as _Images
from input_pipeline.prepared import Prepared, open_prepared
from jaxcxr.errors import InputError

__all__ = [
    "AS_USUAL",
    "Prepared",
    "Reading",
    "eval_batches",
    "images_at",
    "open_prepared",
    "train_dataset",
]

FOR_EVER = 2**40  # batches


@dataclass(frozen=True)
class Reading:
    """How far ahead batches are read, and by how many.

    Attributes:
      threads: that read, each a batch of its own. They share one core for what Python does, which
        is most of it where images come from memory; more of them hide a slow disk.
      read_ahead: batches that lie ready.
      processes: that read beside this one, each with as many threads, on cores of their own; 0 for
        none.
    """

    threads: int = 2
    read_ahead: int = 4
    processes: int = 0


AS_USUAL = Reading()


class TrainBatches:
    """Batches for ever; each iterator over them begins with the first."""

    def __init__(self, read: Callable[[int], Batch], how: Reading):
        self._read, self._how = read, how

    def __iter__(self) -> TrainIterator:
        return TrainIterator(self._read, self._how)


class TrainIterator:
    """Gives batches in order; `set_state` goes on exactly where `get_state` was.

    The state does not depend on how they are read, which may change meanwhile.
    """

    def __init__(self, read: Callable[[int], Batch], how: Reading):
        self._read, self._how = read, how
        self._number, self._begun = 0, False
        self._batches: Iterator[Batch] = iter(())

    def __iter__(self) -> TrainIterator:
        return self

    def __next__(self) -> Batch:
        if not self._begun:
            numbers = range(self._number, FOR_EVER)
            self._batches, self._begun = _read_ahead(self._read, numbers, self._how), True
        batch = next(self._batches)
        self._number += 1
        return batch

    def get_state(self) -> dict[str, int]:
        """Return the place among the batches, as JSON values."""
        return {"next_index": self._number}

    def set_state(self, state: dict[str, int]) -> None:
        """Go to the place that `get_state` returned."""
        self._number, self._begun = state["next_index"], False


def _read_ahead(read: Callable[[int], Batch], numbers: range, how: Reading) -> Iterator[Batch]:
    if not numbers:
        return iter(())
    options = grain.ReadOptions(num_threads=how.threads, prefetch_buffer_size=how.read_ahead)
    batches = grain.MapDataset.range(numbers.start, numbers.stop).map(read).to_iter_dataset(options)
    if how.processes:
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()  # Grain asks for them when it starts processes
        batches = batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=how.processes))
    return iter(batches)


def train_dataset(
    prepared: Prepared,
    *,
    labels: Sequence[str] | None,
    batch_size: int,
    seed: int,
    split: str = "train",
    rows: np.ndarray | None = None,
    truth: np.ndarray | None = None,
    process_index: int = 0,
    process_count: int = 1,
    how: Reading = AS_USUAL,
) -> TrainBatches:
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
      truth: `[images, labels]` of 1, 0 and -1, to give instead of the stored labels; in the order
        of `prepared.records(split)`, all of them.
      process_index: whose contiguous part of each global batch to give.
      process_count: how many parts there are.
      how: batches are read; they are the same.

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
        rows = chosen[order[mine]]
        return images.batch(rows) | ({} if truth is None else targets(truth[rows]))

    # Whole batches are numbered: Grain's own shuffle and batch, row by row, take twice the time
    # that reading takes.
    return TrainBatches(read, how)


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
    how: Reading = AS_USUAL,
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
      how: batches are read.

    Returns:
      Batches as of `train_dataset`, with `valid` `[batch]` float32: 1 for an image of the split, 0
      for a repetition that fills the batch.

    Raises:
      InputError: a label, split or shard is not there.
    """
    images = _Images(prepared, split, labels)
    chosen = np.arange(len(images)) if rows is None else rows
    part = batch_size // process_count
    mine = slice(process_index * part, (process_index + 1) * part)

    def read(number: int) -> Batch:
        start = number * batch_size
        places = np.arange(start, start + batch_size)
        valid = places < len(chosen)
        places = np.where(valid, places, start)
        return images.batch(chosen[places[mine]]) | {"valid": valid[mine].astype(np.float32)}

    return _read_ahead(read, range(-(-len(chosen) // batch_size)), how)


def images_at(prepared: Prepared, split: str, rows: np.ndarray) -> np.ndarray:
    """Read images of a split by their rows in `prepared.records(split)`: `[rows, size, size]`.

    Raises:
      InputError: a split or shard is not there.
    """
    return _Images(prepared, split, None).batch(rows)["image"]
