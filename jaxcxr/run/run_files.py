"""The small files of a run, as their readers may take them to be; older runs lack some fields."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NotRequired, Required

from pydantic import Field
from typing_extensions import TypedDict

from jaxcxr.provenance import LabelNoise, TestRead
from jaxcxr.run.directory import ENVIRONMENT, START, STATISTICS
from jaxcxr.small_files import Finite, Positive, read_json

REMEDY = "put the run's own back, or run its command again"


class Begun(TypedDict, total=False):
    """`start.json`, as far as a study reads it."""

    run: Required[str]
    adopted: bool


class Start(Begun, total=False):
    """`start.json`, see `jaxcxr.run.belongs`."""

    data: Required[dict[str, str]]
    weights_sha256: Required[str | None]
    labels: list[str]
    label_noise: LabelNoise
    test_read: bool
    test_read_before: TestRead


class Environment(TypedDict, total=False):
    """`environment.json`, see `jaxcxr.run.environment`."""

    git_commit: str | None
    python: str
    packages: dict[str, str]
    devices: list[str]


class Record(TypedDict):
    """A line of `metrics.jsonl`, beside the other numbers of its step."""

    step: Annotated[int, Field(ge=0)]
    steps: Annotated[int, Field(ge=1)]
    loss: NotRequired[float]
    validation_auc: NotRequired[float]


class Estimate(TypedDict, total=False):
    """A number with its interval; ECE has a floor instead."""

    value: Required[Finite | None]
    low: Finite | None
    high: Finite | None
    floor: Finite | None
    debiased: Finite | None


class Calibrated(TypedDict):
    """Calibration of one label."""

    brier: Estimate
    ece: Estimate
    slope_of_truth: NotRequired[Estimate]


class Scaled(Calibrated):
    """That after temperature scaling."""

    slope: Positive


class Calibration(Calibrated):
    """That as predicted."""

    temperature: NotRequired[Scaled | None]


class OfLabel(TypedDict):
    """What is read of one label's statistics."""

    label: str
    calibration: NotRequired[Calibration | None]


class Statistics(TypedDict):
    """`statistics.json`, as far as a study reads it."""

    predictions_sha256: NotRequired[str | None]
    labels: NotRequired[list[OfLabel]]


def read_start(directory: Path, shape: Any = Start) -> dict[str, Any] | None:
    """Read what a run started from; None for a run of before that was kept.

    Args:
      directory: of the run.
      shape: what has to be in it, `Begun` for a study.

    Raises:
      InputError: it is damaged.
    """
    path = directory / START
    return read_json(path, shape, "a run's start", REMEDY) if path.exists() else None


def read_environment(directory: Path) -> dict[str, Any]:
    """Read what a run computed on; empty where that was not kept.

    Raises:
      InputError: it is damaged.
    """
    path = directory / ENVIRONMENT
    return read_json(path, Environment, "a run's environment", REMEDY) if path.exists() else {}


def read_statistics(directory: Path) -> dict[str, Any]:
    """Read the statistics of a run's predictions.

    Raises:
      InputError: there are none, or they are damaged.
    """
    return read_json(directory / STATISTICS, Statistics, "a run's statistics", REMEDY)
