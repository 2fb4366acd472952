"""The PyTorch models that a conversion is measured against, built from the checkpoint itself.

Where a library is installed, its own class reads the checkpoint's own keys: timm, transformers.
The DINOv2 repository has no package, so its model is rebuilt here around timm's blocks, with its
own handling of prefix tokens and positions. This module imports torch; import it in functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import timm
import torch
from torch import nn
from torch.nn import functional as F

from jaxcxr.model import ViTSpec

Tensors = dict[str, torch.Tensor]

# The rules of `jaxcxr.model.position`, as PyTorch's own function carries them out.
INTERPOLATE: dict[str, Callable[[int, int], dict[str, Any]]] = {
    "dinov2": lambda out, size: {"scale_factor": (out + 0.1) / size, "mode": "bicubic"},
    "size_aa": lambda out, size: {"size": (out, out), "mode": "bicubic", "antialias": True},
    "size": lambda out, size: {"size": (out, out), "mode": "bicubic"},
    "bilinear": lambda out, size: {"size": (out, out), "mode": "bilinear"},
    "bilinear_zoom": lambda out, size: {
        "size": (out, out),
        "mode": "bilinear",
        "align_corners": True,
    },
}


@dataclass(frozen=True)
class Reference:
    """A PyTorch model to compare with.

    Attributes:
      name: whose it is, with versions.
      module: the model, in evaluation mode.
      patch_embedding, norm: the modules whose outputs are compared.
      blocks: the transformer blocks.
      layout: the names its parameters have, a key of `convert.layouts.LAYOUTS`.
      places: further modules whose outputs are compared, by the name of the stage.
    """

    name: str
    module: nn.Module
    patch_embedding: nn.Module
    blocks: Any
    norm: nn.Module
    layout: str
    places: Mapping[str, nn.Module] = field(default_factory=dict)


def resample(table: torch.Tensor, rule: str, grid: int, class_rows: int) -> torch.Tensor:
    """Resample a position table `[1, rows, width]` as a PyTorch user of the rule would."""
    head, patches = table[:, :class_rows], table[:, class_rows:]
    side = round(patches.shape[1] ** 0.5)
    if side == grid:
        return table
    square = patches.reshape(1, side, side, -1).permute(0, 3, 1, 2)
    square = F.interpolate(square, **INTERPOLATE[rule](grid, side))
    if square.shape[-1] != grid:
        raise ValueError(f"rule {rule} gave {square.shape[-1]} patches a side, not {grid}")
    return torch.cat([head, square.permute(0, 2, 3, 1).reshape(1, grid * grid, -1)], dim=1)


class RepositoryViT(nn.Module):
    """DINOv2's model as its repository runs it; parameters have the names of its releases.

    The position table is resampled in each forward pass, by `spec.resample_rule`; registers are
    put in after positions are added. With `position_table="patches"` it is timm's variant.
    """

    def __init__(self, spec: ViTSpec, image_size: int, *, mask_token: bool):
        super().__init__()
        from timm.models.vision_transformer import Block

        self.spec, self.grid = spec, image_size // spec.patch_size
        width = spec.width
        projection = nn.Conv2d(3, width, spec.patch_size, spec.patch_size)
        self.patch_embed = nn.ModuleDict({"proj": projection})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, spec.table_rows, width))
        if spec.register_tokens:
            self.register_tokens = nn.Parameter(torch.zeros(1, spec.register_tokens, width))
        if mask_token:
            self.mask_token = nn.Parameter(torch.zeros(1, width))
        self.blocks = nn.ModuleList(
            Block(width, spec.heads, **block_arguments(spec)) for _ in range(spec.depth)
        )
        self.norm = nn.LayerNorm(width, eps=spec.layernorm_epsilon)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images `[batch, 3, height, width]` to tokens `[batch, tokens, width]`."""
        x = self.patch_embed["proj"](images).flatten(2).transpose(1, 2)
        class_rows = int(self.spec.position_table == "class_and_patches")
        position = resample(self.pos_embed, self.spec.resample_rule, self.grid, class_rows)
        class_token = self.cls_token.expand(len(x), -1, -1)
        if class_rows:
            x = torch.cat([class_token, x], dim=1) + position
        else:
            x = torch.cat([class_token, x + position], dim=1)
        if self.spec.register_tokens:
            registers = self.register_tokens.expand(len(x), -1, -1)
            x = torch.cat([x[:, :1], registers, x[:, 1:]], dim=1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


def block_arguments(spec: ViTSpec) -> dict[str, Any]:
    """What timm calls the facts of a block."""
    return {
        "mlp_ratio": spec.mlp_width / spec.width,
        "qkv_bias": True,
        "init_values": 1e-5 if spec.layer_scale else None,
        "norm_layer": partial(nn.LayerNorm, eps=spec.layernorm_epsilon),
        "act_layer": partial(nn.GELU, approximate="none" if spec.gelu == "erf" else "tanh"),
    }


def build_repository(
    state: Mapping[str, torch.Tensor], spec: ViTSpec, image_size: int, name: str = ""
) -> Reference:
    """DINOv2's own model, from its own keys (or timm's, for a rule that timm does not have)."""
    state = dict(state)
    if "reg_token" in state:
        state["register_tokens"] = state.pop("reg_token")
    model = RepositoryViT(spec, image_size, mask_token="mask_token" in state)
    model.load_state_dict(state, strict=True)
    rebuilt = name or f"DINOv2 repository, rebuilt on timm {timm.__version__} blocks"
    return Reference(
        rebuilt, model.eval(), model.patch_embed["proj"], model.blocks, model.norm, "dinov2"
    )


def build_timm(
    state: Mapping[str, torch.Tensor], spec: ViTSpec, image_size: int, labels: int = 0
) -> Reference:
    """timm's VisionTransformer, resampling the table as timm does when it loads.

    `labels` are the outputs of the head in `state`; 0 without one.
    """
    from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn

    model = VisionTransformer(
        img_size=image_size,
        num_classes=labels,
        reg_tokens=spec.register_tokens,
        no_embed_class=spec.position_table == "patches",
        **vit_arguments(spec),
        **block_arguments(spec),
    )
    model.load_state_dict(checkpoint_filter_fn(dict(state), model), strict=True)
    name = f"timm {timm.__version__} VisionTransformer"
    return Reference(name, model.eval(), model.patch_embed.proj, model.blocks, model.norm, "timm")


def vit_arguments(spec: ViTSpec) -> dict[str, Any]:
    """What timm calls the sizes of a transformer."""
    return {
        "patch_size": spec.patch_size,
        "embed_dim": spec.width,
        "depth": spec.depth,
        "num_heads": spec.heads,
        "global_pool": "token",
        **pooling_arguments(spec),
    }


def pooling_arguments(spec: ViTSpec) -> dict[str, Any]:
    """What makes a transformer of timm, of its class VisionTransformer, read what this one does."""
    if spec.pooling == "class_token":
        return {}
    return {"global_pool": "avg", "fc_norm": False, "pool_include_prefix": True}


def build_timm_dinov3(
    state: Mapping[str, torch.Tensor], spec: ViTSpec, image_size: int, labels: int = 0
) -> Reference:
    """timm's Eva in the form of DINOv3; the repository's keys are read by timm's own filter.

    `labels` as for `build_timm`.
    """
    from timm.models.eva import Eva, checkpoint_filter_fn

    arguments = block_arguments(spec)
    model = Eva(
        img_size=image_size,
        num_classes=labels,
        mlp_ratio=arguments["mlp_ratio"],
        qkv_bias=spec.qkv_bias != "none",
        init_values=arguments["init_values"],
        norm_layer=arguments["norm_layer"],
        num_reg_tokens=spec.register_tokens,
        use_abs_pos_emb=False,
        use_rot_pos_emb=True,
        rope_type="dinov3",
        rope_temperature=100.0,
        rope_rotate_half=True,
        use_fc_norm=False,
        dynamic_img_size=True,
        **vit_arguments(replace(spec, pooling="class_token")),  # no such head is exported
    )
    model.load_state_dict(checkpoint_filter_fn(dict(state), model), strict=True)
    if (periods := state.get("rope_embed.periods")) is not None:
        model.rope.get_buffer("periods").copy_(periods)
    name = f"timm {timm.__version__} Eva (DINOv3)"
    return Reference(
        name, model.eval(), model.patch_embed.proj, model.blocks, model.norm, "timm_dinov3"
    )


def build_google(path: str, spec: ViTSpec, image_size: int) -> Reference:
    """timm's reading of Google's file at its native size; resampled by the file's own rule."""
    from timm.models.vision_transformer import VisionTransformer

    model = VisionTransformer(
        img_size=spec.native_image_size,
        num_classes=0,
        no_embed_class=spec.position_table == "patches",
        **vit_arguments(spec),
        **block_arguments(spec),
    )
    model.load_pretrained(path)
    name = f"timm {timm.__version__} reading .npz, positions by PyTorch"
    return build_repository(model.state_dict(), spec, image_size, name)
