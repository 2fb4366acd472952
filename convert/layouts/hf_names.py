"""The names of Hugging Face transformers, as its files have them.

transformers 5 renames modules in memory and back when it saves; a file made from `state_dict()`
has the names of the modules, and the renames here bring those to the files'.
"""

from __future__ import annotations

from convert.layouts.table import Layout, Row, rows

_HALF = (0.5, 0.5, 0.5)

_EMBEDDINGS = rows(
    "class_token             drop_batch  embeddings.cls_token",
    "position_table          drop_batch  embeddings.position_embeddings",
    "extra/mask_token        same        embeddings.mask_token",
    "patch_embedding/kernel  conv        embeddings.patch_embeddings.projection.weight",
    "patch_embedding/bias    same        embeddings.patch_embeddings.projection.bias",
    "norm/scale              same        layernorm.weight",
    "norm/bias               same        layernorm.bias",
)


def _linear(ours: str, theirs: str) -> tuple[Row, ...]:
    return rows(f"{ours}/kernel linear {theirs}.weight", f"{ours}/bias same {theirs}.bias")


def _norm(ours: str, theirs: str) -> tuple[Row, ...]:
    return rows(f"{ours}/scale same {theirs}.weight", f"{ours}/bias same {theirs}.bias")


def _qkv(names: tuple[str, ...], bias_names: tuple[str, ...], biases: str) -> tuple[Row, ...]:
    return (
        Row("blocks/{n}/attention/qkv/kernel", tuple(f"{n}.weight" for n in names), "qkv_linears"),
        Row("blocks/{n}/attention/qkv/bias", tuple(f"{n}.bias" for n in bias_names), biases),
    )


_LAYER = "encoder.layer.{n}"
_SPLIT = (
    f"{_LAYER}.attention.attention.query",
    f"{_LAYER}.attention.attention.key",
    f"{_LAYER}.attention.attention.value",
)
_ATTENTION = (
    *_qkv(_SPLIT, _SPLIT, "qkv_biases"),
    *_linear("blocks/{n}/attention/projection", f"{_LAYER}.attention.output.dense"),
)
_LIVE_NAMES = (
    (r"^layers\.", "encoder.layer."),
    (r"\.attention\.q_proj\.", ".attention.attention.query."),
    (r"\.attention\.k_proj\.", ".attention.attention.key."),
    (r"\.attention\.v_proj\.", ".attention.attention.value."),
    (r"\.attention\.o_proj\.", ".attention.output.dense."),
)

HF_DINOV2 = Layout(
    name="hf_dinov2",
    family="hf",
    library="transformers Dinov2Model, Dinov2WithRegistersModel",
    rows=(
        *_EMBEDDINGS,
        *_ATTENTION,
        *rows("register_tokens     drop_batch  embeddings.register_tokens"),
        *_norm("blocks/{n}/norm1", f"{_LAYER}.norm1"),
        *_norm("blocks/{n}/norm2", f"{_LAYER}.norm2"),
        *rows(f"blocks/{{n}}/scale1 same        {_LAYER}.layer_scale1.lambda1"),
        *rows(f"blocks/{{n}}/scale2 same        {_LAYER}.layer_scale2.lambda1"),
        *_linear("blocks/{n}/mlp/fc1", f"{_LAYER}.mlp.fc1"),
        *_linear("blocks/{n}/mlp/fc2", f"{_LAYER}.mlp.fc2"),
        # Its classifier reads the class token beside the mean of the patches; ours the first.
        *rows("head/kernel class_half classifier.weight", "head/bias same classifier.bias"),
    ),
    facts={"resample_rule": "size"},
    prefixes=("module.", "dinov2.", "dinov2_with_registers."),
    renames=_LIVE_NAMES,
    head=("classifier.",),
    head_prefix="dinov2.",
)

HF_VIT = Layout(
    name="hf_vit",
    family="hf",
    library="transformers ViTModel",
    rows=(
        *_EMBEDDINGS,
        *_ATTENTION,
        *_norm("blocks/{n}/norm1", f"{_LAYER}.layernorm_before"),
        *_norm("blocks/{n}/norm2", f"{_LAYER}.layernorm_after"),
        *_linear("blocks/{n}/mlp/fc1", f"{_LAYER}.intermediate.dense"),
        *_linear("blocks/{n}/mlp/fc2", f"{_LAYER}.output.dense"),
        *_linear("extra/pooler", "pooler.dense"),
        *_linear("head", "classifier"),
    ),
    facts={"resample_rule": "size", "pixel_mean": _HALF, "pixel_std": _HALF},
    prefixes=("module.", "vit."),
    renames=(
        *_LIVE_NAMES,
        (r"\.mlp\.fc1\.", ".intermediate.dense."),
        (r"\.mlp\.fc2\.", ".output.dense."),
    ),
    head=("classifier.",),
    head_prefix="vit.",
)

_LAYER3 = "layer.{n}"
_SPLIT3 = tuple(f"{_LAYER3}.attention.{name}_proj" for name in ("q", "k", "v"))

HF_DINOV3 = Layout(
    name="hf_dinov3",
    family="hf",
    library="transformers DINOv3ViTModel",
    rows=(
        *rows(
            "class_token             drop_batch  embeddings.cls_token",
            "extra/mask_token        drop_batch  embeddings.mask_token",
            "register_tokens         drop_batch  embeddings.register_tokens",
            "patch_embedding/kernel  conv        embeddings.patch_embeddings.weight",
            "patch_embedding/bias    same        embeddings.patch_embeddings.bias",
            f"blocks/{{n}}/scale1    same        {_LAYER3}.layer_scale1.lambda1",
            f"blocks/{{n}}/scale2    same        {_LAYER3}.layer_scale2.lambda1",
        ),
        *_qkv(_SPLIT3, _SPLIT3[::2], "qv_biases"),
        *_linear("blocks/{n}/attention/projection", f"{_LAYER3}.attention.o_proj"),
        *_norm("blocks/{n}/norm1", f"{_LAYER3}.norm1"),
        *_norm("blocks/{n}/norm2", f"{_LAYER3}.norm2"),
        *_linear("blocks/{n}/mlp/fc1", f"{_LAYER3}.mlp.up_proj"),
        *_linear("blocks/{n}/mlp/fc2", f"{_LAYER3}.mlp.down_proj"),
        *_norm("norm", "norm"),
    ),
    facts={"layernorm_epsilon": 1e-5},
    prefixes=("module.", "model."),
    head=("classifier.",),
    qkv_bias=("no_key",),
    rope=True,
)
