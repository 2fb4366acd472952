"""Files of kilobytes that hold gigabytes are refused by size, in little memory."""

import gzip
import zipfile

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from input_pipeline.tables.text_table import read_text
from jaxcxr import unpacking
from jaxcxr.errors import InputError
from jaxcxr.inference.embeddings_file import read_embeddings
from jaxcxr.parquet import read_parquet
from jaxcxr.results.predictions import read_predictions

GROWN = 1200 << 20  # bytes of memory that refusing may take, less than what is refused


def zeros(path):
    table = pa.table({"label:A": np.zeros(2_000_000)})
    options = {"compression": "zstd", "use_dictionary": False}
    with pq.ParquetWriter(path, table.schema, **options) as writer:
        for _ in range(40):
            writer.write_table(table)


def equal_texts(path):
    values = pa.DictionaryArray.from_arrays(np.zeros(10_000, np.int32), ["x" * 1_000_000])
    pq.write_table(pa.table({"image_id": values}), path)


def long_text(path):
    pq.write_table(pa.table({"image_id": ["x" * 600_000_000]}), path, compression="zstd")


@pytest.mark.parametrize(
    "write", [zeros, equal_texts, pytest.param(long_text, marks=pytest.mark.slow)]
)
def test_parquet(tmp_path, write):
    path = tmp_path / "predictions.parquet"
    write(path)
    assert path.stat().st_size < 3_000_000
    before = psutil.Process().memory_info().rss
    with pytest.raises(InputError, match=r"unpacks to [\d.]+ GB or more"):
        read_predictions(path)
    assert psutil.Process().memory_info().rss - before < GROWN


def test_a_gzipped_table_and_a_sparse_one(tmp_path):
    path = tmp_path / "labels.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"image_id,label\n")
        for _ in range(600):
            file.write(b"a,1\n" * (1 << 18))
    with pytest.raises(InputError, match=r"unpacks to 0\.5 GB or more"):
        read_text(path)
    sparse = tmp_path / "labels.csv"
    with sparse.open("wb") as file:
        file.truncate(60 << 30)
    with pytest.raises(InputError, match=r"60\.0 GB, and a table of text may have 0\.5"):
        read_text(sparse)


def test_embeddings(tmp_path):
    path = tmp_path / "features.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("class_token.npy", "w", force_zip64=True) as entry,
    ):
        for _ in range(600):
            entry.write(bytes(1 << 20))
    with pytest.raises(InputError, match=r"unpacks to 0\.6 GB or more"):
        read_embeddings(path)


def test_what_is_not_too_large_is_read_as_it_was_written(tmp_path, monkeypatch):
    path = tmp_path / "some.parquet"
    table = pa.table(
        {"a": ["x", None, "x"], "b": [1.0, 2.0, None], "c": pa.array([b"1", b"", None])}
    )
    pq.write_table(table, path)
    assert read_parquet(path, "a table", "").equals(table)
    monkeypatch.setattr(unpacking, "MOST_BYTES", 1)  # as large as its file may always be
    assert read_parquet(path, "a table", "").equals(table)
