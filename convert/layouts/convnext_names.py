"""The names of ConvNeXt in timm, in its authors' and DINOv3's repositories, and in transformers.

They count blocks by stages, ours over the whole model. What halves the resolution before a stage
is a part of the stage's first block here.
"""

from __future__ import annotations

from convert.layouts.table import Layout, Row, rows


def _affine(ours: str, theirs: str) -> tuple[Row, ...]:
    return rows(f"{ours}/scale same {theirs}.weight", f"{ours}/bias same {theirs}.bias")


def _kernel(ours: str, transform: str, theirs: str) -> tuple[Row, ...]:
    return rows(f"{ours}/kernel {transform} {theirs}.weight", f"{ours}/bias same {theirs}.bias")


def _table(
    stem: tuple[str, str], halving: tuple[str, str], block: dict[str, str], norm: str, head: str
) -> tuple[Row, ...]:
    """The whole key table.

    Args:
      stem: the convolution and the norm of the stem.
      halving: the norm and the convolution before a stage.
      block: the parts of a block, by our names.
      norm: the last norm.
      head: the classifier; empty where there is none.
    """
    return (
        # The stem first: some names count it as the first of what halves the resolution.
        *_kernel("patch_embedding", "conv", stem[0]),
        *_affine("embedding_norm", stem[1]),
        *_affine("blocks/{n}/downsample/norm", halving[0]),
        *_kernel("blocks/{n}/downsample/convolution", "conv", halving[1]),
        *_kernel("blocks/{n}/depthwise", "conv", block["depthwise"]),
        *_affine("blocks/{n}/norm", block["norm"]),
        *_kernel("blocks/{n}/mlp/fc1", "linear", block["fc1"]),
        *_kernel("blocks/{n}/mlp/fc2", "linear", block["fc2"]),
        *rows(f"blocks/{{n}}/scale same {block['scale']}"),
        *_affine("norm", norm),
        *(_kernel("head", "linear", head) if head else ()),
    )


def _block(start: str, *names: str) -> dict[str, str]:
    parts = ("depthwise", "norm", "fc1", "fc2", "scale")
    return {part: f"{start}.{name}" for part, name in zip(parts, names, strict=True)}


_PREFIXES = ("module.", "_orig_mod.", "teacher.", "student.", "backbone.", "model.")

TIMM_CONVNEXT = Layout(
    name="timm_convnext",
    family="timm",
    library="timm ConvNeXt",
    architecture="convnext",
    rows=_table(
        ("stem.0", "stem.1"),
        ("stages.{s}.downsample.0", "stages.{s}.downsample.1"),
        _block("stages.{s}.blocks.{m}", "conv_dw", "norm", "mlp.fc1", "mlp.fc2", "gamma"),
        "head.norm",
        "head.fc",
    ),
    prefixes=_PREFIXES,
    head=("head.fc.",),
)

CONVNEXT = Layout(
    name="convnext",
    family="facebook",
    library="ConvNeXt and DINOv3 repositories (ConvNeXt)",
    architecture="convnext",
    rows=(
        *_table(
            ("downsample_layers.0.0", "downsample_layers.0.1"),
            ("downsample_layers.{s}.0", "downsample_layers.{s}.1"),
            _block("stages.{s}.{m}", "dwconv", "norm", "pwconv1", "pwconv2", "gamma"),
            "norm",
            "head",
        ),
        # DINOv3's model holds its last norm a second time.
        *_affine("extra/norm_again", "norms.3"),
    ),
    prefixes=_PREFIXES,
    left_out=("dino_head.", "ibot_head.", "dino_loss.", "ibot_patch_loss."),
)

HF_CONVNEXT = Layout(
    name="hf_convnext",
    family="hf",
    library="transformers ConvNextModel",
    architecture="convnext",
    rows=_table(
        ("embeddings.patch_embeddings", "embeddings.layernorm"),
        (
            "encoder.stages.{s}.downsampling_layer.0",
            "encoder.stages.{s}.downsampling_layer.1",
        ),
        _block(
            "encoder.stages.{s}.layers.{m}",
            *("dwconv", "layernorm", "pwconv1", "pwconv2", "layer_scale_parameter"),
        ),
        "layernorm",
        "classifier",
    ),
    # Its configuration's epsilon, 1e-12 unless stated, is of the last norm alone.
    facts={"final_layernorm_epsilon": 1e-12},
    prefixes=("module.", "convnext."),
    head=("classifier.",),
    head_prefix="convnext.",
)

HF_DINOV3_CONVNEXT = Layout(
    name="hf_dinov3_convnext",
    family="hf",
    library="transformers DINOv3ConvNextModel",
    architecture="convnext",
    rows=_table(
        ("stages.0.downsample_layers.0", "stages.0.downsample_layers.1"),
        ("stages.{s}.downsample_layers.0", "stages.{s}.downsample_layers.1"),
        _block(
            "stages.{s}.layers.{m}",
            *("depthwise_conv", "layer_norm", "pointwise_conv1", "pointwise_conv2", "gamma"),
        ),
        "layer_norm",
        "",
    ),
    prefixes=("module.", "model."),
)
