"""The architectures behind one interface: `model(images) -> (logits, out)`."""

from __future__ import annotations

from typing import Any

from flax import nnx

from jaxcxr.model.architectures import ModelSpec
from jaxcxr.model.convnext import ConvNeXt
from jaxcxr.model.convnext_spec import ConvNeXtSpec
from jaxcxr.model.vit import ViT

Model = ViT | ConvNeXt


def build_model(
    spec: ModelSpec, *, num_labels: int | None, image_size: int, rngs: nnx.Rngs, **options: Any
) -> Model:
    """Build the model of a description, with fresh parameters.

    Args:
      spec: what it is.
      num_labels: outputs of its head; None for none.
      image_size: side in pixels of the images it will see.
      rngs: draws the parameters.
      **options: `dtype`, `remat` and `matmul_precision`; of a vision transformer `attention`.
    """
    given: dict[str, Any] = {"num_labels": num_labels, "image_size": image_size, "rngs": rngs}
    if isinstance(spec, ConvNeXtSpec):
        options.pop("attention", None)  # it has none
        return ConvNeXt(spec, **given, **options)
    return ViT(spec, **given, **options)
