"""The model that a run chose, with its labels, its normalisation and its provenance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jaxcxr.errors import InputError
from jaxcxr.files import sha256
from jaxcxr.model import ViT, load, read_header
from jaxcxr.run.directory import WEIGHTS, read_config
from jaxcxr.run.pixels import PixelStatistics, pixel_statistics


def load_run(directory: Path) -> tuple[ViT, tuple[str, ...], PixelStatistics, dict[str, Any]]:
    """Load a run's chosen model, its labels, its normalisation and its provenance.

    Raises:
      InputError: there is no run, or it has not kept any weights yet.
    """
    config = read_config(directory)
    path = directory / WEIGHTS
    if not path.is_file():
        raise InputError(
            f"{directory}: the run has not kept any weights yet (no {WEIGHTS}); run its command "
            "again to go on with the training"
        )
    origin = read_header(path).provenance | {"weights_sha256": sha256(path)}
    model = load(path, image_size=config.image_size, resample_at=config.model.resample_at)
    return model, tuple(origin["labels"]), pixel_statistics(config), origin
