"""Predictions made up from a seed, in files as `jaxcxr.evaluate` reads them."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

LABELS = ("Cardiomegaly", "Effusion", "Hernia", "[Nodule]")


def table_of(images=400, *, seed=0, model=0, gain=1.0):
    """Rows like those of `jaxcxr.predict`: two to three images a patient, one empty label."""
    rng, noise = np.random.default_rng(seed), np.random.default_rng(100 + model)
    patient = rng.integers(0, images // 3, images)
    table = {
        "image_id": [f"image{i:04d}" for i in range(images)],
        "patient_id": [f"patient{p:04d}" for p in patient],
        "split": np.where(patient % 4 == 0, "validation", "test"),
        "view": rng.choice(["PA", "AP"], images),
        "age": np.where(rng.random(images) < 0.1, np.nan, rng.integers(1, 95, images)),
        "sex": rng.choice(["F", "M", ""], images),
    }
    for name, prevalence in zip(LABELS, (0.2, 0.4, 0.0, 0.3), strict=True):
        truth = (rng.random(images) < prevalence).astype(np.int8)
        scores = rng.normal(size=images) + gain * truth + 0.5 * noise.normal(size=images) - 1
        if name == "Effusion":
            truth[rng.random(images) < 0.1] = -1
        table[f"label:{name}"] = truth
        table[f"logit:{name}"] = scores.astype(np.float32)
    return pd.DataFrame(table)


def write_parquet(path, frame, origin=None):
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if origin is not None:
        metadata = (table.schema.metadata or {}) | {b"jaxcxr": json.dumps(origin).encode()}
        table = table.replace_schema_metadata(metadata)
    pq.write_table(table, path)
    return path
