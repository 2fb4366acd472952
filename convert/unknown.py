"""The model of a file that fits no known checkpoint: what its shapes say, and what is assumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convert.layouts import Layout
from convert.recognise import Dimensions
from jaxcxr.errors import InputError
from jaxcxr.model import ConvNeXtSpec, ModelSpec, ViTSpec
from jaxcxr.model.spec import rope_periods

# What is read of a model's tokens, and of which pixels, is no fact of its pre-training.
OURS = ("pooling", "partial_patches", "architecture")


def unknown_model(
    source: str,
    layout: Layout,
    dimensions: Dimensions,
    fields: Mapping[str, Any],
    of_beside: Mapping[str, Any],
) -> tuple[ModelSpec, dict[str, Any]]:
    """Return the model of a file that fits no row, and what of it is assumed.

    Args:
      source: what the user called the file.
      layout: whose names it has.
      dimensions: what its shapes say.
      fields: of the spec, stated by the user.
      of_beside: fields that what lies beside the file says.

    Raises:
      InputError: a field that it needs is neither in the file nor stated, or one is impossible.
    """
    if layout.architecture == "convnext":
        return _unknown_convnext(layout, dimensions, fields, of_beside)
    return _unknown_vit(source, layout, dimensions, fields, of_beside)


def _unknown_convnext(
    layout: Layout,
    dimensions: Dimensions,
    fields: Mapping[str, Any],
    of_beside: Mapping[str, Any],
) -> tuple[ModelSpec, dict[str, Any]]:
    seen = {
        "widths": dimensions.widths,
        "depths": dimensions.depths,
        "patch_size": dimensions.patch_size or 4,
        "layer_scale": dimensions.layer_scale,
    }
    told = {k: v for k, v in of_beside.items() if k not in seen}
    size = {"native_image_size": max(seen["patch_size"] * 2 ** (len(dimensions.depths) - 1), 224)}
    spec = ConvNeXtSpec.from_dict({**size, **layout.facts, **seen, **told, **fields})
    vouched = {*seen, *told, *fields, *OURS, "native_image_size"}
    return spec, {k: v for k, v in spec.to_dict().items() if k not in vouched}


def _unknown_vit(
    source: str,
    layout: Layout,
    dimensions: Dimensions,
    fields: Mapping[str, Any],
    of_beside: Mapping[str, Any],
) -> tuple[ViTSpec, dict[str, Any]]:
    width = dimensions.width or 64
    stated = dict(of_beside) | dict(fields)
    if "heads" not in stated and dimensions.heads is None and width % 64:
        raise InputError(
            f"{source}: width {width} is of no known checkpoint and the number of attention heads "
            "cannot be read off the file; state it with --set heads=N"
        )
    heads = int(stated.get("heads", dimensions.heads or width // 64))
    patch_size = dimensions.patch_size or 16
    seen: dict[str, Any] = {
        "patch_size": patch_size,
        "width": width,
        "depth": max(dimensions.depth, 1),
        "heads": heads,
        "mlp_width": dimensions.mlp_width or 4 * width,
        "native_image_size": (dimensions.grid or 14) * patch_size,
        "layer_scale": dimensions.layer_scale,
        "register_tokens": dimensions.register_tokens,
        "position_table": "none" if layout.rope else dimensions.position_table,
        "qkv_bias": dimensions.qkv_bias,
    }
    of_file = {k for k in seen if k != "heads" or dimensions.heads}
    if layout.rope:
        seen["rope_periods"] = rope_periods(width // heads)
        if dimensions.grid is None:
            of_file.discard("native_image_size")
    if layout.rope and dimensions.rope_periods:
        seen["rope_periods"] = dimensions.rope_periods
        of_file.add("rope_periods")
    assumed = dict(layout.facts)
    if dimensions.register_tokens and not layout.rope:
        assumed["resample_rule"] = "size_aa"
    told = {k: v for k, v in of_beside.items() if k not in of_file}
    spec = ViTSpec.from_dict(seen | assumed | told | dict(fields))
    vouched = set(OURS)
    vouched |= (set(seen) - (set() if dimensions.heads else {"heads"})) | set(stated)
    if layout.rope:
        vouched |= {"resample_rule"}
    return spec, {k: v for k, v in spec.to_dict().items() if k not in vouched}
