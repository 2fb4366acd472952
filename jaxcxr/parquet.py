"""Read parquet files that come from outside: whole, every text of it UTF-8, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jaxcxr.errors import reading

if TYPE_CHECKING:
    import pyarrow as pa


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
        table = pq.read_table(path)
        # Pages carry no checksums by default. Texts and offsets that a flipped bit has spoilt are
        # met late and by whoever looks at them, with the content in the error.
        table.validate(full=True)
    return table
