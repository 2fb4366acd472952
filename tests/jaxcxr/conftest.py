"""A prepared dataset of a few hundred small images whose labels show in the picture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from input_pipeline.builder import shard_name, write_metadata, write_shard
from jaxcxr.files import write_json

LABELS = ("Cardiomegaly", "Nodule/Mass", "Rare")
IMAGES = {"train": 120, "validation": 40, "test": 50}
SIDE = 28


def _split(name, count):
    rng = np.random.default_rng(sum(name.encode()))
    truth = rng.integers(0, 2, (count, 3)).astype(np.int8)
    truth[:, 2] = 0
    if name == "train":
        truth[:3, 2] = 1
    images = rng.integers(0, 100, (count, SIDE, SIDE)).astype(np.uint8)
    images[:, 10:20, 10:20] += 100 * (truth[:, 0] == 1)[:, None, None].astype(np.uint8)
    images[:, :7, 20:] += 100 * (truth[:, 1] == 1)[:, None, None].astype(np.uint8)
    truth[0, 0] = -1
    records = pd.DataFrame(
        {
            "image_id": [f"{name}{row:03}.png" for row in range(count)],
            "patient_id": [f"{name}{row // 2}" for row in range(count)],
            "study_id": [f"s{row}" for row in range(count)],
            "split": name,
            "view": "PA",
            "age": 50.0,
            "sex": "F",
        }
    )
    return images, truth, records


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    """The directory of the prepared dataset."""
    directory = tmp_path_factory.mktemp("tiny")
    every, lengths = [], {}
    for name, count in IMAGES.items():
        images, truth, records = _split(name, count)
        texts = records[["image_id", "patient_id", "study_id", "view", "sex"]]
        examples = (
            {"image": image, "labels": labels, "age": np.float32(50), **dict(row._asdict())}
            for image, labels, row in zip(images, truth, texts.itertuples(index=False), strict=True)
        )
        write_shard(directory / shard_name("padchest", name, 0, 1), SIDE, len(LABELS), examples)
        lengths[name] = [count]
        every.append(pd.concat([records, pd.DataFrame(truth, columns=LABELS)], axis=1))
    pd.concat(every).to_parquet(directory / "records.parquet", index=False)
    write_metadata(directory, "padchest", SIDE, LABELS, lengths)
    described = {"dataset": "padchest", "labels": list(LABELS), "image_size": SIDE}
    described |= {"label_rules": "paper", "recipe": "paper", "recipe_hash": "0"}
    write_json(directory / "cohort.json", described)
    return directory
