"""Data and runs to mix: small prepared datasets that differ in one thing, and what to exchange."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
from tiny import get_config

from input_pipeline.builder import shard_name, write_metadata, write_shard
from input_pipeline.identity import PIXELS, identify
from input_pipeline.prepared import open_prepared
from jaxcxr.files import write_json

SIDE, LABELS = 28, ("Cardiomegaly", "Nodule/Mass", "Rare")
COUNTS = {"train": 120, "validation": 40, "test": 40}

# Changes of `prepared_data`, and the parts of the identity that each changes.
OTHER_DATA = {
    "split": {"split": 1},
    "truth": {"truth": 1},
    "labels": {"labels": (*LABELS, "Edema")},
    "pixels": {"pixels": 1},
    "patients": {"patients": 1},
    "order": {"order": 1},
    "recipe": {"recipe": "faithful"},
    "fewer": {"leave_out": 1},
}
DATA_SWAPS = {
    "split": {"split", "order"},
    "truth": {"labels"},
    "labels": {"labels"},
    "pixels": {"images"},
    "patients": {"cohort"},
    "order": {"order"},
    "recipe": {"recipe"},
    "fewer": {"cohort", "split", "labels", "images", "order"},
}
# Parts of a run's directory, each with what must go with it to be noticed by more than its name.
RUN_SWAPS = {
    "checkpoints": ("checkpoints",),
    "weights": ("model.safetensors",),
    "weights_and_predictions": ("model.safetensors", "predictions.parquet"),
    "start": ("start.json",),
    "config": ("config.json",),
    "all_but_checkpoints": ("config.json", "start.json", "model.safetensors"),
}


def small_config():
    config = get_config()
    config.epochs, config.bootstrap_resamples, config.checkpoint_every = 2, 20, 50
    return config


def config_of(data, **changes):
    config = small_config()
    config.data = str(data)
    config.update_from_flattened_dict(changes)
    return config


def prepared_data(
    directory,
    *,
    dataset="padchest",
    labels=LABELS,
    split=0,
    truth=0,
    pixels=0,
    patients=0,
    order=0,
    recipe="paper",
    leave_out=0,
):
    """Write a prepared dataset whose labels show in the picture; return its directory."""
    count = sum(COUNTS.values())
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 2, (count, len(LABELS))).astype(np.int8)
    drawn[:, 2] = np.arange(count) % 40 == 0
    images = rng.integers(0, 100, (count, SIDE, SIDE)).astype(np.uint8)
    images[:, 10:20, 10:20] += 100 * (drawn[:, 0] == 1)[:, None, None].astype(np.uint8)
    images[:, :7, 20:] += 100 * (drawn[:, 1] == 1)[:, None, None].astype(np.uint8)
    if dataset == "natural":
        images = 255 - images
    drawn = np.pad(drawn, ((0, 0), (0, len(labels) - len(LABELS))))
    images[5] += np.uint8(pixels)
    drawn[7, 0] ^= truth
    records = pd.DataFrame(
        {
            "image_id": [f"{dataset}{row:03}.png" for row in range(count)],
            "patient_id": [
                f"patient{row // 2 + (500 if row < 2 * patients else 0)}" for row in range(count)
            ],
            "study_id": [f"s{row}" for row in range(count)],
            "split": np.roll(np.repeat(list(COUNTS), list(COUNTS.values())), 60 * split),
            "view": "PA",
            "age": 50.0,
            "sex": "F",
        }
    )
    every, lengths = [], {}
    directory.mkdir(parents=True, exist_ok=True)
    for name in COUNTS:
        rows = np.flatnonzero(records["split"] == name)[leave_out if name == "train" else 0 :]
        rows = rows[::-1] if order else rows
        texts = records.loc[rows, ["image_id", "patient_id", "study_id", "view", "sex"]]
        examples = (
            {"image": images[at], "labels": drawn[at], "age": np.float32(50), **row._asdict()}
            for at, row in zip(rows, texts.itertuples(index=False), strict=True)
        )
        write_shard(directory / shard_name(dataset, name, 0, 1), SIDE, len(labels), examples)
        lengths[name] = [len(rows)]
        every.append(
            pd.concat(
                [records.loc[rows], pd.DataFrame(drawn[rows], columns=list(labels), index=rows)],
                axis=1,
            )
        )
    pd.concat(every).to_parquet(directory / "records.parquet", index=False)
    write_metadata(directory, dataset, SIDE, labels, lengths)
    described = {"dataset": dataset, "labels": list(labels), "image_size": SIDE}
    described |= {"label_rules": "paper", "recipe": recipe, "recipe_hash": f"hash of {recipe}"}
    write_json(directory / "cohort.json", described)
    keep_identity(directory)
    return directory


def keep_identity(directory):
    """Give the dataset its identity, as `prepare` does at its end."""
    prepared = open_prepared(directory)
    records = pd.read_parquet(directory / "records.parquet").assign(**{PIXELS: prepared.pixels})
    records.to_parquet(directory / "records.parquet", index=False)
    found = identify(records, prepared.cohort, prepared.labels, list(records[PIXELS]))
    write_json(directory / "cohort.json", prepared.cohort | {"identity": found})


def without_identity(directory):
    """Take from a dataset what it had not before there were identities."""
    described = json.loads((directory / "cohort.json").read_text())
    del described["identity"]
    (directory / "cohort.json").write_text(json.dumps(described))
    records = pd.read_parquet(directory / "records.parquet").drop(columns=PIXELS)
    records.to_parquet(directory / "records.parquet", index=False)
    return directory


def copied(source, target):
    shutil.copytree(source, target)
    return target


def swap(source, target, part):
    """Put a part of one run in place of another's."""
    for name in RUN_SWAPS[part]:
        old, new = target / name, source / name
        if old.is_dir():
            shutil.rmtree(old)
            shutil.copytree(new, old)
        else:
            shutil.copy(new, old)
