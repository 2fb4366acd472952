"""Read parquet files that come from outside: whole, every text of it UTF-8, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jaxcxr.errors import reading
from jaxcxr.unpacking import check_unpacked

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import FileMetaData


def read_parquet(path: Path, what: str, remedy: str) -> pa.Table:
    """Read all of a parquet file.

    Args:
      path: the file.
      what: it should be, such as `predictions`.
      remedy: what to do when it is damaged, such as `predict again`.

    Raises:
      InputError: there is none, or it is damaged; no message holds a row's content.
    """
    import pyarrow.parquet as pq

    with reading(path, what, remedy):
        with pq.ParquetFile(path) as file:
            _check_size(path, file.metadata)
        # Texts stay what they are in the file, places in a dictionary, until their size is known.
        table = _decoded(path, pq.read_table(path, read_dictionary=_texts(path)))
        # Pages carry no checksums by default. Texts and offsets that a flipped bit has spoilt are
        # met late and by whoever looks at them, with the content in the error.
        table.validate(full=True)
    return table


def _check_size(path: Path, metadata: FileMetaData) -> None:
    """Stop where numbers and pages are too many; a run of equal values takes no room in a page."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    pages = sum(group.total_byte_size for group in groups)
    check_unpacked(path, max(pages, metadata.num_rows * metadata.num_columns))


def _texts(path: Path) -> list[str]:
    """The columns of text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary)
    return [field.name for field in pq.read_schema(path) if any(is_(field.type) for is_ in kinds)]


def _decoded(path: Path, table: pa.Table) -> pa.Table:
    """Write texts out, unless one that stands in many rows is too long for it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    size = 0
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            for chunk in column.chunks:
                lengths = pc.binary_length(chunk.dictionary).take(chunk.indices)
                size += pc.sum(pc.cast(lengths, pa.int64())).as_py() or 0
            check_unpacked(path, size)
    for place, column in enumerate(table.columns):
        if pa.types.is_dictionary(column.type):
            name = table.column_names[place]
            table = table.set_column(place, name, column.cast(column.type.value_type))
    return table
