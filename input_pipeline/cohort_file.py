"""`cohort.json` of a prepared dataset, as its readers may take it to be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Required

from pydantic import Field
from typing_extensions import TypedDict

from jaxcxr.small_files import Count, Finite, read_json

COHORT = "cohort.json"


class CohortSettings(TypedDict, total=False):
    """What decided who is in, as far as it is read back."""

    tables: dict[str, str]
    split: str
    test_share: Finite | None
    validation_share: Finite | None
    seed: int | None
    uncertain: str | None


class FunnelStep(TypedDict):
    """How many images and patients are left after a step."""

    step: str
    images: Count
    patients: Count | None


class CohortFile(TypedDict, total=False):
    """What is read of `cohort.json`; older ones lack what is not required."""

    dataset: Required[Annotated[str, Field(pattern=r"^\w+$")]]
    labels: Required[Annotated[list[str], Field(min_length=1)]]
    image_size: Required[Annotated[int, Field(ge=1, le=4096)]]
    label_rules: str | None
    recipe: str | None
    recipe_hash: str | None
    cohort: str
    settings: CohortSettings
    funnel: list[FunnelStep]
    images: dict[str, Count]
    patients: dict[str, Count]
    prepared: dict[str, Count]
    rejected: Count
    tool_version: str
    identity: dict[str, str]


def read_cohort(directory: Path) -> dict[str, Any]:
    """Read the `cohort.json` of a prepared dataset.

    Raises:
      InputError: there is none, or it is damaged; the sentence names the field.
    """
    return read_json(directory / COHORT, CohortFile, "a prepared dataset's cohort", "prepare again")
