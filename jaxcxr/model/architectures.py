"""The architectures behind one interface: `model(images) -> (logits, out)`.

Each has a description, by whose field `architecture` a weights file says which it is, and a class.
A description without that field is of a vision transformer: older files have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flax import nnx

from jaxcxr.errors import InputError
from jaxcxr.model.convnext import ConvNeXt
from jaxcxr.model.convnext_spec import ConvNeXtSpec
from jaxcxr.model.spec import ViTSpec
from jaxcxr.model.vit import ViT

ModelSpec = ViTSpec | ConvNeXtSpec
Model = ViT | ConvNeXt

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


def build_model(
    spec: ModelSpec, *, num_labels: int | None, image_size: int, rngs: nnx.Rngs, **options: Any
) -> Model:
    """Build the model of a description, with fresh parameters.

    Args:
      spec: what it is.
      num_labels: outputs of its head; None for none.
      image_size: side in pixels of the images it will see.
      rngs: draws the parameters.
      **options: `dtype` and `remat`.
    """
    given: dict[str, Any] = {"num_labels": num_labels, "image_size": image_size, "rngs": rngs}
    if isinstance(spec, ConvNeXtSpec):
        return ConvNeXt(spec, **given, **options)
    return ViT(spec, **given, **options)
