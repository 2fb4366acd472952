"""The names of timm and of the DINOv2 and DINOv3 repositories, which share most of them."""

from __future__ import annotations

from convert.layouts.table import Layout, rows

_COMMON = rows(
    "patch_embedding/kernel                  conv        patch_embed.proj.weight",
    "patch_embedding/bias                    same        patch_embed.proj.bias",
    "class_token                             drop_batch  cls_token",
    "blocks/{n}/norm1/scale                  same        blocks.{n}.norm1.weight",
    "blocks/{n}/norm1/bias                   same        blocks.{n}.norm1.bias",
    "blocks/{n}/attention/qkv/kernel         linear      blocks.{n}.attn.qkv.weight",
    "blocks/{n}/attention/projection/kernel  linear      blocks.{n}.attn.proj.weight",
    "blocks/{n}/attention/projection/bias    same        blocks.{n}.attn.proj.bias",
    "blocks/{n}/norm2/scale                  same        blocks.{n}.norm2.weight",
    "blocks/{n}/norm2/bias                   same        blocks.{n}.norm2.bias",
    "blocks/{n}/mlp/fc1/kernel               linear      blocks.{n}.mlp.fc1.weight",
    "blocks/{n}/mlp/fc1/bias                 same        blocks.{n}.mlp.fc1.bias",
    "blocks/{n}/mlp/fc2/kernel               linear      blocks.{n}.mlp.fc2.weight",
    "blocks/{n}/mlp/fc2/bias                 same        blocks.{n}.mlp.fc2.bias",
    "norm/scale                              same        norm.weight",
    "norm/bias                               same        norm.bias",
    "head/kernel                             linear      head.weight",
    "head/bias                               same        head.bias",
)
_QKV_BIAS = rows("blocks/{n}/attention/qkv/bias  same  blocks.{n}.attn.qkv.bias")
_TABLE = rows("position_table  drop_batch  pos_embed")
_LAYER_SCALE = rows(
    "blocks/{n}/scale1  same  blocks.{n}.ls1.gamma",
    "blocks/{n}/scale2  same  blocks.{n}.ls2.gamma",
)
_MASK_TOKEN = rows("extra/mask_token  same  mask_token")

_PREFIXES = ("module.", "_orig_mod.", "teacher.", "student.", "backbone.", "model.")
# The repositories chunk the blocks of training checkpoints: blocks.CHUNK.N, N counted over all.
_CHUNKS = ((r"^blocks\.\d+\.(\d+)\.", r"blocks.\1."),)
_DINO_HEADS = ("dino_head.", "ibot_head.", "dino_loss.", "ibot_patch_loss.")

TIMM = Layout(
    name="timm",
    family="timm",
    library="timm VisionTransformer",
    rows=(
        *_COMMON,
        *_QKV_BIAS,
        *_TABLE,
        *_LAYER_SCALE,
        *rows("register_tokens  drop_batch  reg_token"),
    ),
    facts={"resample_rule": "size_aa"},
    prefixes=_PREFIXES,
    left_out=("decoder_", "mask_token"),
)

DINOV2 = Layout(
    name="dinov2",
    family="dinov2",
    library="DINOv2 repository (torch.hub)",
    rows=(
        *_COMMON,
        *_QKV_BIAS,
        *_TABLE,
        *_LAYER_SCALE,
        *_MASK_TOKEN,
        *rows("register_tokens  drop_batch  register_tokens"),
    ),
    facts={"resample_rule": "dinov2"},
    prefixes=_PREFIXES,
    renames=_CHUNKS,
    head=("head.", "linear_head."),
    left_out=_DINO_HEADS,
)

TIMM_DINOV3 = Layout(
    name="timm_dinov3",
    family="timm",
    library="timm Eva (DINOv3)",
    rows=(
        *_COMMON,
        *rows(
            "blocks/{n}/attention/qkv/bias qv_biases  "
            "blocks.{n}.attn.q_bias blocks.{n}.attn.v_bias",
            "blocks/{n}/scale1             same       blocks.{n}.gamma_1",
            "blocks/{n}/scale2             same       blocks.{n}.gamma_2",
            "register_tokens               drop_batch reg_token",
        ),
    ),
    facts={"layernorm_epsilon": 1e-5},
    prefixes=_PREFIXES,
    qkv_bias=("no_key", "none"),
    rope=True,
)

DINOV3 = Layout(
    name="dinov3",
    family="dinov2",
    library="DINOv3 repository (torch.hub)",
    rows=(
        *_COMMON,
        *_QKV_BIAS,
        *_LAYER_SCALE,
        *_MASK_TOKEN,
        *rows(
            "register_tokens            drop_batch  storage_tokens",
            "extra/rope_periods         same        rope_embed.periods",
            "extra/qkv_bias_masks/{n}   same        blocks.{n}.attn.qkv.bias_mask",
        ),
    ),
    facts={"layernorm_epsilon": 1e-5},
    prefixes=_PREFIXES,
    renames=_CHUNKS,
    head=("head.", "linear_head."),
    left_out=_DINO_HEADS,
    qkv_bias=("no_key",),
    rope=True,
)
