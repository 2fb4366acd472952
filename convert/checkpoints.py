"""The one table of checkpoint facts: every other module asks it, none repeats it.

To add a checkpoint, add a row. What a row says of a model is what the weights were trained with,
or where libraries disagree, what the library of the file runs them with; `note` says which.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from convert.checkpoint import Checkpoint
from jaxcxr.model import ConvNeXtSpec, ViTSpec
from jaxcxr.model.spec import rope_periods

HALF = (0.5, 0.5, 0.5)


# Width, depth, heads.
_SIZES = {"small": (384, 12, 6), "base": (768, 12, 12), "large": (1024, 24, 16)}


def _vit(size: str, patch_size: int, native_image_size: int, **facts: Any) -> ViTSpec:
    width, depth, heads = _SIZES[size]
    return ViTSpec(
        patch_size=patch_size,
        width=width,
        depth=depth,
        heads=heads,
        mlp_width=4 * width,
        native_image_size=native_image_size,
        **facts,
    )


# Of the files of https://dl.fbaipublicfiles.com, by size and registers.
_DINOV2_SHA256 = {
    ("small", 0): "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9",
    ("small", 4): "f433177089a681826f849f194ece3bb48f4d63fb38d32fc837e3dc7a4e5641fb",
    ("base", 0): "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73",
    ("base", 4): "73182a088cf94833c94b1666d1c99e02fe87e2007bff57b564fb6206e25dba71",
    ("large", 0): "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",
    ("large", 4): "36e4deffbaef061a2576705b0c36f93621e2ae20bf6274694821b0b492551b51",
}


def _dinov2(size: str, registers: int) -> Checkpoint:
    suffix = "_reg4" if registers else ""
    rule = "size_aa" if registers else "dinov2"
    timm = {"position_table": "patches"} if registers else {"resample_rule": "size_aa"}
    return Checkpoint(
        name=f"dinov2_vit{size[0]}14{suffix}",
        names={
            "dinov2": f"dinov2_vit{size[0]}14{suffix}",
            "timm": f"vit_{size}_patch14{suffix}_dinov2.lvd142m",
            "hf": f"facebook/dinov2-{'with-registers-' if registers else ''}{size}",
        },
        spec=_vit(size, 14, 518, layer_scale=True, register_tokens=registers, resample_rule=rule),
        by_family={"timm": timm, "hf": {} if registers else {"resample_rule": "size"}},
        licence="Apache-2.0",
        source="https://github.com/facebookresearch/dinov2",
        note="timm adds the class token's position to the class token" if registers else "",
        sha256=(_DINOV2_SHA256[size, registers],),
    )


def _dinov3(size: str, sha256: str, data: str = "lvd1689m", **facts: Any) -> Checkpoint:
    """DINOv3 of a size, trained on web images (lvd1689m) or satellite images (sat493m)."""
    name = f"dinov3_vit{size[0]}16" + ("" if data == "lvd1689m" else f"_{data}")
    return Checkpoint(
        name=name,
        names={
            "dinov2": name,
            "timm": f"vit_{size}_patch16_dinov3.{data}",
            "hf": f"facebook/dinov3-vit{size[0]}16-pretrain-{data}",
        },
        spec=_vit(
            size,
            16,
            224,
            layer_scale=True,
            register_tokens=4,
            position_table="none",
            layernorm_epsilon=1e-5,
            rope_periods=rope_periods(64),
            qkv_bias="no_key",
            **facts,
        ),
        by_family={"timm": {"native_image_size": 256}},
        licence="DINOv3 License (gated; redistribute with the licence)",
        source="https://github.com/facebookresearch/dinov3",
        note="the repository's file rounds the rotary periods to bfloat16, which is read off it; "
        "timm and transformers compute them in float32. timm pools the mean by default",
        sha256=(sha256,),
    )


_RAD_DINO = Checkpoint(
    name="rad_dino",
    names={"hf": "microsoft/rad-dino", "dinov2": "rad-dino backbone_compatible.safetensors"},
    spec=_vit(
        "base",
        14,
        518,
        layer_scale=True,
        resample_rule="dinov2",
        pixel_mean=(0.5307, 0.5307, 0.5307),
        pixel_std=(0.2583, 0.2583, 0.2583),
    ),
    by_family={"hf": {"resample_rule": "size"}},
    licence="MIT (before 2025: MSRLA; read the one you downloaded)",
    source="https://huggingface.co/microsoft/rad-dino",
    note="same keys and shapes as dinov2_vitb14: name it with --checkpoint",
    # The datasets of arXiv 2401.10815.
    pretrained_on=("mimic_cxr", "chexpert", "chestxray14", "padchest", "BRAX"),
)

_AUGREG = Checkpoint(
    name="vit_base_patch16_224.augreg_in21k",
    names={
        "timm": "vit_base_patch16_224.augreg_in21k",
        "google": "B_16-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.0-sd_0.0.npz",
    },
    spec=_vit("base", 16, 224, resample_rule="size_aa", pixel_mean=HALF, pixel_std=HALF),
    by_family={"google": {"gelu": "tanh", "resample_rule": "bilinear_zoom"}},
    licence="Apache-2.0",
    source="https://github.com/google-research/vision_transformer",
    note="the study's ViT; trained with tanh GELU, run with erf by timm",
    head_outputs=(21843,),
)

_ORIG = Checkpoint(
    name="vit_base_patch16_224.orig_in21k",
    names={
        "timm": "vit_base_patch16_224.orig_in21k",
        "hf": "google/vit-base-patch16-224-in21k",
        "google": "imagenet21k/ViT-B_16.npz",
    },
    spec=_AUGREG.spec,
    by_family={**_AUGREG.by_family, "hf": {"resample_rule": "size"}},
    licence="Apache-2.0",
    source="https://github.com/google-research/vision_transformer",
    note="trained with tanh GELU and LayerNorm epsilon 1e-6; transformers configures erf and 1e-12",
    signs=("pre_logits/", "pooler."),
)

_MAE = Checkpoint(
    name="vit_base_patch16_224.mae",
    names={"timm": "vit_base_patch16_224.mae"},
    spec=_vit("base", 16, 224, resample_rule="size_aa"),
    licence="CC-BY-NC-4.0",
    source="https://github.com/facebookresearch/mae",
    pooling="class token or mean of patches",
    signs=("decoder_",),
)

_MEDICAL_MAE = Checkpoint(
    name="medical_mae_vit_base",
    names={"timm": "vit-b_CXR_0.5M_mae.pth"},
    spec=replace(_MAE.spec, pixel_mean=(0.5056,) * 3, pixel_std=(0.252,) * 3),
    licence="not stated",
    source="https://github.com/lambert-x/medical_mae",
    pooling="mean of patches when fine-tuned by its authors",
    note="mean and std as its fine-tuning recipe is recalled, not confirmed; its fine-tuned files "
    "end in fc_norm and are refused",
    signs=("decoder_",),
    pretrained_on=("mimic_cxr", "chexpert", "chestxray14"),  # "CXR 0.5M" of arXiv 2210.12843
)


def _convnext(name: str, names: dict[str, str], **facts: Any) -> Checkpoint:
    """A ConvNeXt-B; its last norm's epsilon in transformers' ConvNext is that of its config."""
    return Checkpoint(
        name=name,
        names=names,
        spec=ConvNeXtSpec(widths=(128, 256, 512, 1024), depths=(3, 3, 27, 3)),
        pooling="mean over all places, then normalised",
        **facts,
    )


_CONVNEXT = _convnext(
    "convnext_base.fb_in22k",
    {
        "timm": "convnext_base.fb_in22k",
        "hf": "facebook/convnext-base-224-22k",
        "facebook": "convnext_base_22k_224.pth",
    },
    by_family={"hf": {"final_layernorm_epsilon": 1e-12}},
    licence="Apache-2.0 at timm and Hugging Face; its repository states MIT",
    source="https://github.com/facebookresearch/ConvNeXt",
    note="trained with LayerNorm epsilon 1e-6; transformers configures 1e-12 for the last",
    signs=("embeddings.layernorm.",),
    head_outputs=(21841,),
)

_DINOV3_CONVNEXT = _convnext(
    "dinov3_convnext_base",
    {
        "timm": "convnext_base.dinov3_lvd1689m",
        "hf": "facebook/dinov3-convnext-base-pretrain-lvd1689m",
        "facebook": "dinov3_convnext_base_pretrain_lvd1689m-801f2ba9.pth",
    },
    licence="DINOv3 License (gated; redistribute with the licence)",
    source="https://github.com/facebookresearch/dinov3",
    signs=("norms.3.", "layer_norm."),
    sha256=("801f2ba9",),
)

# Outputs of the study's heads: its full label sets and those it shares with MIMIC-CXR.
_STUDY_HEADS = (5, 7, 8, 9, 10, 11, 14, 17)


def _study(name: str, base: Checkpoint, family: str) -> Checkpoint:
    return Checkpoint(
        name=name,
        names={family: "networks.zip of the study, *.pth"},
        spec=replace(base.spec_of(family), pixel_mean=(0.0,) * 3, pixel_std=(1.0,) * 3),
        licence="not stated",
        source="https://github.com/tayebiarasteh/vit-med",
        note="fine-tuned on pixels in [0, 1] without mean and std",
        head_outputs=_STUDY_HEADS,
        pretrained_on=("a dataset of the study",),  # its files do not say which
    )


CHECKPOINTS = {
    checkpoint.name: checkpoint
    for checkpoint in (
        *(_dinov2(size, registers) for size in _SIZES for registers in (0, 4)),
        _RAD_DINO,
        _AUGREG,
        _ORIG,
        _MEDICAL_MAE,
        _MAE,
        _dinov3("small", "08c60483"),
        _dinov3("base", "73cec8be"),
        _dinov3("large", "8aa4cbdd"),
        _dinov3(
            *("large", "eadcf0ff", "sat493m"),
            pixel_mean=(0.430, 0.411, 0.296),
            pixel_std=(0.213, 0.156, 0.143),
        ),
        _CONVNEXT,
        _DINOV3_CONVNEXT,
        _study("study_dinov2_vitb14", _dinov2("base", 0), "dinov2"),
        _study("study_vit_base_patch16", _AUGREG, "timm"),
    )
}


def find_checkpoint(name: str) -> Checkpoint | None:
    """The row of this name, here or in any library; of a DINO of timm also without its tag.

    Another tag is another checkpoint.
    """
    name = name.removeprefix("timm/")
    if name == "vit_base_patch16_224_in21k":  # What timm called it before it had tags.
        return _AUGREG
    plain, dot, tag = name.partition(".")
    whole = plain.removesuffix("_qkvb") + dot + tag
    for checkpoint in CHECKPOINTS.values():
        timm = checkpoint.names.get("timm", "")
        untagged = timm.split(".")[0] if "_dinov" in timm else timm
        if name in (checkpoint.name, *checkpoint.names.values()) or whole in (timm, untagged):
            return checkpoint
    return None
