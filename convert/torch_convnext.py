"""timm's ConvNeXt, that a conversion is measured against. Import it in functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import timm
import torch
from torch import nn

from convert.torch_models import Reference
from jaxcxr.model import ConvNeXtSpec


def staged(
    name: str,
    module: nn.Module,
    patches: nn.Module,
    blocks: Sequence[Sequence[nn.Module]],
    halvings: Sequence[nn.Module],
    norm: nn.Module,
    layout: str,
) -> Reference:
    """A reference of blocks in stages, `halvings` before each stage but the first."""
    places, block = {}, 0
    for before, halving in zip(blocks, halvings, strict=False):
        block += len(before)
        places[f"downsample{block:02}"] = halving
    flat = [one for stage in blocks for one in stage]
    return Reference(name, module, patches, flat, norm, layout, places)


def build_timm_convnext(
    state: Mapping[str, torch.Tensor], spec: ConvNeXtSpec, labels: int = 0
) -> Reference:
    """timm's ConvNeXt; the repositories' keys are read by timm's own filter.

    `labels` are the outputs of the head in `state`; 0 without one.
    """
    from timm.models.convnext import ConvNeXt, checkpoint_filter_fn

    model = ConvNeXt(
        num_classes=labels,
        depths=spec.depths,
        dims=spec.widths,
        patch_size=spec.patch_size,
        ls_init_value=1e-6 if spec.layer_scale else None,
        norm_eps=spec.layernorm_epsilon,
        act_layer=partial(nn.GELU, approximate="none" if spec.gelu == "erf" else "tanh"),
    )
    model.load_state_dict(checkpoint_filter_fn(dict(state), model), strict=True)
    head: Any = model.head
    head.norm.eps = spec.final_layernorm_epsilon
    stages: list[Any] = list(model.stages)
    return staged(
        f"timm {timm.__version__} ConvNeXt",
        model.eval(),
        model.stem[0],
        [list(stage.blocks) for stage in stages],
        [stage.downsample for stage in stages[1:]],
        head.norm,
        "timm_convnext",
    )
