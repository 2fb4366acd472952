"""Descriptions of models of any architecture, without the models: nothing here needs JAX.

A weights file says by the field `architecture` of which it is. A description without that field is
of a vision transformer: older files have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxcxr.errors import InputError
from jaxcxr.model.convnext_spec import ConvNeXtSpec
from jaxcxr.model.spec import ViTSpec

ModelSpec = ViTSpec | ConvNeXtSpec

SPECS: dict[str, type[ViTSpec] | type[ConvNeXtSpec]] = {"vit": ViTSpec, "convnext": ConvNeXtSpec}


def spec_from_dict(fields: Mapping[str, Any]) -> ModelSpec:
    """Build the description of a model of any architecture from plain values.

    Raises:
      InputError: the architecture is unknown, or a field is unknown, missing or impossible.
    """
    name = fields.get("architecture", "vit")
    if not isinstance(name, str) or name not in SPECS:
        raise InputError(
            f"model field architecture is {ascii(name)[:40]}; choose one of {', '.join(SPECS)}"
        )
    return SPECS[name].from_dict(fields)
