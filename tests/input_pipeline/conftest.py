"""A small hospital: a table in the layout of UKA-CXR and its images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from input_pipeline import shards
from input_pipeline.cohort import Cohort, load_cohort
from input_pipeline.datasets.uka_cxr import COLUMNS
from input_pipeline.loader import open_prepared
from input_pipeline.prepare import prepare

SPLITS = ("train", "train", "validation", "test")


def picture(seed: int, height: int = 40, width: int = 36) -> np.ndarray:
    """Smooth and different for each seed; `[height, width]`, 0 to 255."""
    coarse = np.random.default_rng(seed).random((6, 5), np.float32)
    return (cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * 200).clip(0, 255)


def hospital(folder: Path, images: int) -> Path:
    """Write a release of `images` PNGs."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "image_id": f"{n:05}",
            "subject_id": f"p{n // 2}",
            "image_path": f"images/{n:05}.png",
            "split": SPLITS[n // 2 % 4],
            "age": 20 + n % 70 if n % 5 else "",
            "gender": "FM"[n % 2],
            **dict(zip(COLUMNS, rng.integers(0, 6, len(COLUMNS)).tolist(), strict=True)),
            "healthy": int(n % 3 == 0),
        }
        for n in range(images)
    ]
    (folder / "images").mkdir(parents=True)
    for n, row in enumerate(rows):
        cv2.imwrite(str(folder / row["image_path"]), picture(n).astype(np.uint8))
    pd.DataFrame(rows).to_csv(folder / "uka_cxr.csv", index=False)
    return folder


@pytest.fixture
def write_hospital(tmp_path: Path) -> Callable[[int], Path]:
    """Write a release of so many images, and give its folder."""
    return lambda images: hospital(tmp_path / "hospital", images)


@pytest.fixture
def raw_dir(write_hospital: Callable[[int], Path]) -> Path:
    """A release of 48 images: 24 for training, 12 for validation and 12 for the test."""
    return write_hospital(48)


@pytest.fixture
def cohort(raw_dir: Path) -> Cohort:
    """The cohort of `raw_dir`; curated, so that some labels are unknown."""
    return load_cohort("uka_cxr", raw_dir, label_rules="curated")


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten images a shard: 48 images make 3 + 2 + 2 shards."""
    monkeypatch.setattr("input_pipeline.shards.SHARD_IMAGES", 10)


@pytest.fixture
def prepared(cohort, raw_dir, tmp_path, small_shards):
    """24 images for training in 3 shards, 12 for validation, 12 for the test; some rejected."""
    (raw_dir / "images" / "00000.png").write_bytes(b"no image")
    write = lambda todo: [shards.write(shard) for shard in todo]  # noqa: E731
    prepare(cohort, raw_dir, tmp_path / "p", size=24, write=write, max_rejects=0.1)
    return open_prepared(tmp_path / "p")
