"""The prepared dataset on the disk: a TFDS dataset of ArrayRecord shards, without TensorFlow.

Shards are written here one by one, so that each is whole or absent and a killed preparation goes on
where it was; TFDS's own metadata is written last, and makes the directory one that
`tfds.builder_from_directory` opens.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from array_record.python.array_record_module import ArrayRecordWriter

from jaxcxr.files import atomic_path

VERSION = "1.0.0"
PROGRESS = ".progress"  # a folder of notes, there until the preparation is finished


@contextmanager
def _quiet() -> Any:
    """Keep TFDS from telling users that TensorFlow is missing: that is intended."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


@lru_cache
def _features(size: int, labels: int) -> Any:
    with _quiet():
        import tensorflow_datasets as tfds

        text = tfds.features.Text()
        return tfds.features.FeaturesDict(
            {
                "image": tfds.features.Tensor(
                    shape=(size, size), dtype=np.uint8, encoding=tfds.features.Encoding.BYTES
                ),
                "labels": tfds.features.Tensor(shape=(labels,), dtype=np.int8),
                "image_id": text,
                "patient_id": text,
                "study_id": text,
                "view": text,
                "sex": text,
                "age": tfds.features.Scalar(np.float32),
            }
        )


def write_shard(path: Path, size: int, labels: int, examples: Iterable[Mapping[str, Any]]) -> None:
    """Write one shard, whole or not at all.

    Args:
      path: of the shard.
      size: side of the images.
      labels: number of labels.
      examples: `image` `[size, size]` uint8, `labels` `[labels]` int8, and the texts and age.
    """
    with _quiet():
        from tensorflow_datasets.core.example_serializer import ExampleSerializer

        features = _features(size, labels)
        serializer = ExampleSerializer(features.get_serialized_info())
    with atomic_path(path) as temporary, _system_errors(path):
        # Compression would save a sixth of the disk and take most of the time of reading.
        writer = ArrayRecordWriter(str(temporary), "group_size:1,uncompressed")
        for example in examples:
            record = serializer.get_tf_example(features.encode_example(dict(example)))
            # Otherwise the order of the fields differs from process to process.
            writer.write(record.SerializeToString(deterministic=True))
        writer.close()


@contextmanager
def _system_errors(path: Path) -> Iterator[None]:
    """Raise what the system refused as the OSError that it is; ArrayRecord keeps its words."""
    try:
        yield
    except RuntimeError as error:
        codes = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
        for code in codes:
            if os.strerror(code) in str(error):
                raise OSError(code, os.strerror(code), str(path)) from error
        raise


def shard_name(dataset: str, split: str, shard: int, shards: int) -> str:
    """Name a shard as TFDS does."""
    return f"{dataset}-{split}.array_record-{shard:05}-of-{shards:05}"


def write_metadata(
    directory: Path,
    dataset: str,
    size: int,
    labels: Sequence[str],
    shard_lengths: Mapping[str, Sequence[int]],
) -> None:
    """Write what TFDS needs to open the directory.

    Args:
      directory: holds the shards.
      dataset: name.
      size: side of the images.
      labels: names.
      shard_lengths: for each split, how many examples each shard holds.
    """
    with _quiet():
        import tensorflow_datasets as tfds

        template = tfds.core.ShardedFileTemplate(
            data_dir=directory, dataset_name=dataset, filetype_suffix="array_record"
        )
        infos = [
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=list(lengths),
                num_bytes=sum(
                    (directory / shard_name(dataset, split, n, len(lengths))).stat().st_size
                    for n in range(len(lengths))
                ),
                filename_template=template.replace(split=split),
            )
            for split, lengths in shard_lengths.items()
        ]
        tfds.folder_dataset.write_metadata(
            data_dir=directory,
            features=_features(size, len(labels)),
            split_infos=infos,
            version=VERSION,
            filename_template=template,
            description=f"{dataset}, prepared by jaxcxr; labels: {', '.join(labels)}",
            check_data=False,  # it would read with TensorFlow
        )
