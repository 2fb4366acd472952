"""Write a phantom release: plan it as its publisher would, draw it, move it into place whole."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from input_pipeline.labels import DATASETS
from input_pipeline.phantom.radiographs import Radiograph, write_all
from jaxcxr.errors import InputError
from jaxcxr.files import place_beside


@dataclass(frozen=True)
class Plan:
    """A release before anything is drawn: tables and plain lists by file name, and radiographs."""

    tables: Mapping[str, pd.DataFrame | Sequence[str]]
    radiographs: Sequence[Radiograph]


def write_release(
    dataset: str, out_dir: Path, *, images: int, seed: int = 0, size: int = 512, workers: int = 0
) -> Plan:
    """Write `images` phantom radiographs and their tables under `out_dir`.

    The same arguments give the same bytes, whatever the number of workers (0: one a core).

    Raises:
        InputError: if `out_dir` holds anything already, or a number makes no sense.
    """
    if dataset not in DATASETS:
        raise InputError(f"unknown dataset {dataset!r}; known: {', '.join(DATASETS)}")
    if images < 1 or size < 64 or seed < 0 or workers < 0:
        raise InputError("give at least 1 image, 64 pixels, seed 0, and no negative workers")
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise InputError(f"{out_dir} is not empty; choose another folder or remove it")
    layout = importlib.import_module(f"input_pipeline.phantom.releases.{dataset}")
    with place_beside(out_dir) as building:
        plan: Plan = layout.plan(images, seed, size)
        write_all(building, plan.radiographs, workers or os.cpu_count() or 1)
        for name, table in plan.tables.items():
            write_table(building / name, table)
        if out_dir.exists():
            out_dir.rmdir()
        building.replace(out_dir)
    return plan


def write_table(path: Path, table: pd.DataFrame | Sequence[str]) -> None:
    """Write a table as CSV, gzipped where `path` ends so, or a list as lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(table, pd.DataFrame):
        # A gzip header holds a time; 0 keeps the bytes the same from run to run.
        compression = {"method": "gzip", "mtime": 0} if path.suffix == ".gz" else None
        table.to_csv(path, index=False, compression=compression)
    else:
        path.write_text("".join(f"{line}\n" for line in table), encoding="utf-8")
