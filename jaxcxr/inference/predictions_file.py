"""Keep what a model says of images.

`predictions.parquet` has one row an image: `image_id`, `patient_id`, `study_id`, `split`, `view`,
`age`, `sex`, and for each label two columns, `label:NAME` (1, 0, or -1 where unknown) and
`logit:NAME`. It holds no metric: those are `jaxcxr.evaluate`'s. Its schema's metadata says under
`jaxcxr` what made it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from input_pipeline.loader import Prepared
from jaxcxr.files import atomic_path


def predictions_of_split(
    prepared: Prepared, split: str, labels: Sequence[str], logits: np.ndarray
) -> pd.DataFrame:
    """Set logits `[images, labels]` beside the records of a split."""
    records = prepared.records(split).reset_index(drop=True)
    described = records[["image_id", "patient_id", "study_id", "split", "view", "age", "sex"]]
    truth = records[list(labels)].add_prefix("label:")
    scores = pd.DataFrame(logits, columns=[f"logit:{name}" for name in labels])
    return pd.concat([described, truth, scores], axis=1)


def write_predictions(path: Path, frames: Sequence[pd.DataFrame], origin: dict[str, Any]) -> None:
    """Write the rows of several splits to one file."""
    table = pa.Table.from_pandas(pd.concat(frames, ignore_index=True), preserve_index=False)
    metadata = (table.schema.metadata or {}) | {b"jaxcxr": json.dumps(origin).encode()}
    with atomic_path(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary)
