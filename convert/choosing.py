"""Which names of a library a model can be exported under, or why it has none that equals it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from convert.layouts import LAYOUTS, Layout
from jaxcxr.errors import InputError
from jaxcxr.model import ConvNeXtSpec
from jaxcxr.model.weights import Header


def choose_layout(weights_file: Path, header: Header, family: str, labels: int | None) -> Layout:
    """The family's layout for a model, or why it has none.

    Args:
      weights_file: ours, for messages.
      header: what it says of itself.
      family: of `Layout`.
      labels: outputs of its head; None without one.

    Raises:
      InputError: that library has no model that this one equals.
    """
    spec = header.spec

    def refuse(reason: str) -> InputError:
        return InputError(f"{weights_file}: cannot be exported to {family}: {reason}")

    if isinstance(spec, ConvNeXtSpec):
        return _of_convnext(spec, header.provenance.get("layout"), family, labels, refuse)
    if family == "facebook":
        raise refuse("that is for ConvNeXt; use --layout dinov2 or timm")
    rope = bool(spec.rope_periods)
    if spec.pooling == "mean_tokens" and labels is not None and (rope or family != "timm"):
        raise refuse(
            "no model of it has a head on the mean of all tokens, as this one has; use --backbone "
            "to leave the head out"
        )
    if family == "hf" and spec.position_table == "patches":
        raise refuse(
            "transformers has no model whose class token is without position; use --layout timm"
        )
    if family == "hf" and rope and labels is not None:
        raise refuse(
            "transformers has no classifier for DINOv3; use --layout timm, or --backbone to leave "
            "the head out"
        )
    if family == "hf" and not rope and spec.register_tokens and not spec.layer_scale:
        raise refuse("transformers has no model with registers and without LayerScale")
    if family == "hf" and spec.layer_scale and not rope and spec.mlp_width % spec.width:
        raise refuse("transformers wants an MLP width that is a multiple of the token width")
    if family == "dinov2" and not spec.layer_scale:
        raise refuse("DINOv2's models have LayerScale and this one has not; use --layout timm")
    if family == "dinov2" and spec.position_table == "patches":
        raise refuse("DINOv2's class token has its own row of the position table")
    names = {
        "timm": "timm_dinov3" if rope else "timm",
        "dinov2": "dinov3" if rope else "dinov2",
        "hf": "hf_dinov3" if rope else "hf_dinov2" if spec.layer_scale else "hf_vit",
    }
    return LAYOUTS[names[family]]


def _of_convnext(
    spec: ConvNeXtSpec,
    came_as: str | None,
    family: str,
    labels: int | None,
    refuse: Callable[[str], InputError],
) -> Layout:
    """The family's layout for a ConvNeXt; `came_as` is the layout that it was imported from."""
    if family == "dinov2":
        raise refuse("that is for vision transformers; use --layout facebook")
    if family != "hf":
        if len(spec.depths) != 4:
            raise refuse(f"its models have 4 stages and this one {len(spec.depths)}; use hf")
        return LAYOUTS["timm_convnext" if family == "timm" else "convnext"]
    one_epsilon = spec.layernorm_epsilon == spec.final_layernorm_epsilon
    plain = labels is None and one_epsilon and spec.layer_scale and spec.patch_size == 4
    if came_as == "hf_dinov3_convnext" and plain:
        return LAYOUTS[came_as]
    if spec.layernorm_epsilon != 1e-6:
        raise refuse(
            "the norms of transformers' ConvNext, but the last, have the epsilon 1e-6 and these "
            f"{spec.layernorm_epsilon:g}; use --layout timm"
        )
    return LAYOUTS["hf_convnext"]
