"""The images of a prepared dataset by row, each proved to be the one of its record.

The records are TFDS's, taken apart here by hand: TFDS's own reader gives the same at a third of the
speed (tested for equality).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from array_record.python.array_record_data_source import ArrayRecordDataSource

from input_pipeline.builder import shard_name
from input_pipeline.identity import digest_of_pixels
from jaxcxr.errors import InputError, reading

if TYPE_CHECKING:
    from input_pipeline.prepared import Prepared

Batch = dict[str, np.ndarray]


class Images:
    """Images and labels of one split by row; each that is read is the one of its record."""

    def __init__(self, prepared: Prepared, split: str, labels: Sequence[str] | None):
        images = len(prepared.records(split))
        if not images:
            raise InputError(
                f"{prepared.path}: no split {split!r}; it has {', '.join(prepared.splits)}"
            )
        self._source = _Records(_shards(prepared, split))
        if len(self._source) != images:
            raise InputError(
                f"{prepared.path}: holds {len(self._source)} images of {split} and "
                f"{images} in records.parquet; prepare again"
            )
        self._size, self._columns = prepared.image_size, prepared.columns(labels)
        records = prepared.records(split)
        self._path, self._split = prepared.path, split
        self._told = [
            [str(name).encode() for name in records[column].astype("string").fillna("")]
            for column in ("image_id", "patient_id")
        ]
        self._truth = records[list(prepared.labels)].to_numpy(np.int8)
        self._pixels = prepared.pixels_of(split) if prepared.knows_pixels else None
        self._checked = np.zeros(images, bool)
        # One image of each shard at once, so that another preparation's is noticed before any work.
        self.batch(self._source.firsts)

    def __len__(self) -> int:
        return len(self._source)

    def batch(self, rows: np.ndarray) -> Batch:
        """Read rows: `image`, `labels`, `mask` and `index`."""
        images = np.empty((len(rows), self._size, self._size), np.uint8)
        truth = np.empty((len(rows), len(self._columns)), np.int8)
        for place, row in enumerate(rows.tolist()):
            try:
                feature = self._source.features(row)
                flat = np.frombuffer(feature["image"].bytes_list.value[0], np.uint8)
                images[place] = flat.reshape(self._size, self._size)
                stored = np.asarray(feature["labels"].int64_list.value)
                truth[place] = stored[self._columns]
            except Exception:
                with self._source.reading(row):
                    raise
            if not self._checked[row]:  # once: an epoch later the same bytes say the same
                self._check(row, feature, stored, flat)
                self._checked[row] = True
        return {
            "image": images,
            "index": np.asarray(rows, np.int32),
            **targets(truth),
        }

    def _check(self, row: int, feature: Any, labels: np.ndarray, flat: np.ndarray) -> None:
        """Refuse an image that is not the one of its record."""
        for column, told in zip(("image_id", "patient_id"), self._told, strict=True):
            found = feature[column].bytes_list.value[0]
            unnamed = column == "patient_id" and not told[row]  # once called like their image
            if found != told[row] and not (unnamed and found == self._told[0][row]):
                named = told[row].decode(errors="replace") if column == "image_id" else "another"
                self._refuse(row, feature, f"has {column} {named}")
        if not np.array_equal(labels, self._truth[row]):
            self._refuse(row, feature, "has other labels")
        if self._pixels is not None and digest_of_pixels(flat.data) != self._pixels[row]:
            self._refuse(row, feature, "is of another picture")

    def _refuse(self, row: int, feature: Any, how: str) -> None:
        image = feature["image_id"].bytes_list.value[0].decode(errors="replace")
        raise InputError(
            f"{self._path}: image {image} of the shards is row {row} of {self._split}, where "
            f"records.parquet {how}; they are not of one preparation; prepare again"
        )


def targets(truth: np.ndarray) -> Batch:
    """Labels `[batch, labels]` of 1, 0 and -1 as `labels` and `mask`, both float32."""
    return {"labels": (truth == 1).astype(np.float32), "mask": (truth >= 0).astype(np.float32)}


@cache
def _parser() -> Callable[[bytes], Any]:
    """Parses a record; kept out of the objects that are sent to other processes."""
    from tensorflow_datasets.proto import tf_example_pb2

    return tf_example_pb2.Example.FromString


class _Records:
    """The records of shards by row; a damaged one is known by its shard.

    Attributes:
      firsts: the first row of each shard that is not empty.
    """

    def __init__(self, shards: Sequence[str]):
        self._source, self._shards = ArrayRecordDataSource(list(shards)), shards
        lengths = np.array([len(ArrayRecordDataSource(shard)) for shard in shards])
        self._ends = np.cumsum(lengths)
        self.firsts = (self._ends - lengths)[lengths > 0]

    def __len__(self) -> int:
        return len(self._source)

    def features(self, row: int) -> Any:
        """Return the features of a row; what goes wrong with them is to be raised in `reading`."""
        return _parser()(self._source[row]).features.feature

    @contextmanager
    def reading(self, row: int) -> Iterator[None]:
        """Name the shard of a row in an error of the block."""
        shard = self._shards[int(np.searchsorted(self._ends, row, side="right"))]
        with reading(shard, "a shard of images", "remove it and run its preparation again"):
            yield


def digests_in_shards(prepared: Prepared, split: str) -> list[str]:
    """Digest every image of a split, after making sure that it is the one of its record."""
    source = _Records(_shards(prepared, split))
    ids = prepared.records(split)["image_id"].astype(str).tolist()
    digests = []
    for row in range(len(source)):
        with source.reading(row):
            feature = source.features(row)
            found = feature["image_id"].bytes_list.value[0].decode(errors="replace")
            image = feature["image"].bytes_list.value[0]
        if row >= len(ids) or found != ids[row]:
            raise InputError(
                f"{prepared.path}: image {found} of the shards is row {row} of {split}, where "
                f"records.parquet has image_id {ids[row] if row < len(ids) else 'none'}; they are "
                "not of one preparation; prepare again"
            )
        digests.append(digest_of_pixels(image))
    if len(digests) != len(ids):
        raise InputError(
            f"{prepared.path}: holds {len(digests)} images of {split} and {len(ids)} in "
            "records.parquet; prepare again"
        )
    return digests


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
            if not path.is_file():  # a pipe would be waited for
                raise FileNotFoundError
            ArrayRecordDataSource(str(path))
        except (OSError, ValueError, RuntimeError):
            state = "damaged; remove it and" if path.exists() else "missing;"
            raise InputError(f"{path}: {state} run its preparation again") from None
    return list(map(str, paths))
