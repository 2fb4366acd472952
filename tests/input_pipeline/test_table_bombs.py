"""Workbooks and parquet files that hold far more than their bytes, or no workbook at all."""

import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from input_pipeline.tables.text_table import read_text
from jaxcxr.errors import InputError


def test_a_workbook_that_unpacks_to_much_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "t.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name in ("[Content_Types].xml", "xl/workbook.xml"):
            file.writestr(name, bytes(40 << 20))
    with pytest.raises(InputError, match=r"t\.xlsx: unpacks to 0\.6 GB"):
        read_text(path)


def test_a_workbook_of_no_xml_is_one_sentence(tmp_path):
    path = tmp_path / "t.xlsx"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("[Content_Types].xml", "<a" * 9)
    with pytest.raises(InputError, match="is not a readable Excel table"):
        read_text(path)


def test_many_equal_rows_of_a_parquet_file_are_refused_by_their_number(tmp_path):
    path, rows = tmp_path / "t.parquet", 35_000_000
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "i1")), pa.array(["a"]))
    pq.write_table(pa.table({"image_id": column}), path)
    assert path.stat().st_size < 1 << 17
    with pytest.raises(InputError, match=r"t\.parquet: unpacks to 0\.5 GB"):
        read_text(path)


def test_every_kind_of_column_is_the_text_of_its_cells(tmp_path):
    path = tmp_path / "t.parquet"
    when = pd.Timestamp("2026-01-02")
    table = pd.DataFrame(
        {
            "text": ["a", None, "a"],
            "whole": [1, 2, 2**60],
            "number": [1.5, float("nan"), 2.0],
            "truth": [True, False, True],
            "day": [when, pd.NaT, when],
            "list": [["a", "b"], [], ["a"]],
        }
    )
    table.to_parquet(path)
    found = read_text(path)
    assert found["text"].tolist() == ["a", "", "a"]
    assert found["whole"].tolist() == ["1", "2", str(2**60)]
    assert found["number"].tolist() == ["1.5", "", "2"]
    assert found["truth"].tolist() == ["TRUE", "FALSE", "TRUE"]
    assert found["day"].tolist() == ["02-Jan-2026", "", "02-Jan-2026"]
    assert found["list"].tolist() == ["['a', 'b']", "[]", "['a']"]
