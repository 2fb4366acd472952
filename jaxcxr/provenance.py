"""What weights, predictions and embeddings say of their making.

Each says more than what is named here, and older versions said less: only what is read by
somebody is checked, and any of it may be absent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NotRequired

from typing_extensions import TypedDict

from jaxcxr.errors import reading
from jaxcxr.small_files import Count, Finite, parse_json

PARQUET_KEY = b"jaxcxr"  # in the metadata of a parquet file's schema


class InitializedFrom(TypedDict, total=False):
    """The weights that a run began with."""

    file: str
    sha256: str | None
    provenance: Provenance | None


class Predicted(TypedDict, total=False):
    """Data other than the run's own, that it predicted."""

    dataset: str
    data: dict[str, str] | None


class TestRead(TypedDict):
    """The stopping rule with which a test split was read before the training went on."""

    epochs: Count
    patience: Count


class Flips(TypedDict):
    """What noise has changed of one label."""

    positives: Count
    negatives: Count
    became_negative: Count
    became_positive: Count
    without_a_flip: NotRequired[Count]


class LabelNoise(TypedDict):
    """Noise in the labels that a run learnt from, see `jaxcxr.run.learnt_labels`."""

    probability: Finite
    seed: Count
    labels: dict[str, Flips]


class TrainedOn(TypedDict, total=False):
    """What was learnt from."""

    images: Count
    patients: Count | None
    label_noise: LabelNoise


class AugmentedOnce(TypedDict):
    """What was drawn for each image before it was embedded, see `jaxcxr.training.augment_once`."""

    seed: Count
    flip: bool
    rotation_degrees: Finite


class OfEmbeddings(TypedDict, total=False):
    """Features that a head learnt from."""

    augmented_once: AugmentedOnce


# Of the position table, in pixels a side of the images.
Resampled = TypedDict("Resampled", {"from": Count, "to": Count})


class ConfigModel(TypedDict, total=False):
    """What is read of a config's `model` outside of `jaxcxr.config`."""

    weights: str


class OfConfig(TypedDict, total=False):
    """The config of a run, likewise."""

    data: str
    model: ConfigModel


class Provenance(TypedDict, total=False):
    """Of weights, whether converted or trained, and of predictions."""

    source: str | None
    source_sha256: str | None
    state_dict: str | None
    checkpoint: str | None
    named: str | None
    stated: dict[str, Any] | None
    resample_rule: str | None
    resampled: Resampled | None
    licence: str | None
    pretrained_on: list[str] | None
    labels: list[str] | None
    run: str | None
    data: dict[str, str] | None
    dataset: str | None
    label_rules: str | None
    recipe: str | None
    recipe_hash: str | None
    tool_version: str | None
    trained_on: TrainedOn | None
    embeddings: OfEmbeddings
    learnt: dict[str, Count] | None
    config: OfConfig
    initialization: str | None
    initialized_from: InitializedFrom | None
    saw_before: list[str] | None
    test_read_before: TestRead
    predicted: Predicted
    weights_sha256: str
    parity: dict[str, Any] | None


def origin_of(predictions: Path) -> dict[str, Any]:
    """Read what predictions say of their making, without their rows; empty if nothing.

    Raises:
      InputError: they cannot be read.
    """
    import pyarrow.parquet as pq

    with reading(predictions, "predictions", "predict again"):
        metadata = pq.read_schema(predictions).metadata or {}
    return parsed_origin(metadata, predictions)


def parsed_origin(metadata: dict[bytes, bytes], path: Path) -> dict[str, Any]:
    """Read the origin in the metadata of a schema; empty if there is none.

    Raises:
      InputError: it is damaged.
    """
    text = metadata.get(PARQUET_KEY, b"{}")
    return parse_json(text, Provenance, f"{path}, its metadata", "predict again")
