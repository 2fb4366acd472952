"""`robustness.json` of a run: its AUC on disturbed test images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from jaxcxr.files import write_json
from jaxcxr.small_files import Count, Finite, read_json

ROBUSTNESS = "robustness.json"


class Ends(TypedDict):
    """A number with its interval."""

    value: Finite
    low: Finite | None
    high: Finite | None


class LabelUnder(TypedDict):
    """One label under one disturbance: its AUC, and that less the undisturbed."""

    label: str
    auc: Ends
    difference: Ends


class Disturbed(TypedDict):
    """One disturbance."""

    name: str
    labels: list[LabelUnder]


class RobustnessFile(TypedDict):
    """The whole of it; labels without both classes are not in it."""

    weights_sha256: str
    split: str
    images: Count
    unit: str
    level: Finite
    disturbances: list[Disturbed]


def write_robustness(directory: Path, found: dict[str, Any]) -> None:
    """Keep it with the run."""
    write_json(directory / ROBUSTNESS, found)


def read_robustness(directory: Path, weights_sha256: str) -> dict[str, Any] | None:
    """Read it; None where there is none, or it was measured of other weights.

    Raises:
      InputError: it is damaged.
    """
    path = directory / ROBUSTNESS
    if not path.is_file():
        return None
    remedy = "remove it, and measure again with python -m jaxcxr.report --robustness"
    found = read_json(path, RobustnessFile, "a run's robustness", remedy)
    return found if found["weights_sha256"] == weights_sha256 else None
