"""The names of Google's vision_transformer and big_vision, in NumPy `.npz` files.

Two generations number the modules of a block differently (before Flax Linen they shared one
counter); big_vision also stacks all blocks along a first axis, which reading undoes, and keeps
the position table at the root.
"""

from __future__ import annotations

from convert.layouts.table import Layout, rows

_BLOCK = "Transformer/encoderblock_{n}"
_MLP = f"{_BLOCK}/MlpBlock_0"
_ATTENTION = f"{_BLOCK}/MultiHeadDotProductAttention_0"
_QKV_KERNELS = " ".join(f"{_ATTENTION}/{part}/kernel" for part in ("query", "key", "value"))
_QKV_BIASES = " ".join(f"{_ATTENTION}/{part}/bias" for part in ("query", "key", "value"))

GOOGLE = Layout(
    name="google",
    family="google",
    library="Google vision_transformer, big_vision",
    rows=rows(
        "patch_embedding/kernel  same        embedding/kernel",
        "patch_embedding/bias    same        embedding/bias",
        "class_token             drop_batch  cls",
        "position_table          drop_batch  Transformer/posembed_input/pos_embedding",
        f"blocks/{{n}}/norm1/scale                   same         {_BLOCK}/LayerNorm_0/scale",
        f"blocks/{{n}}/norm1/bias                    same         {_BLOCK}/LayerNorm_0/bias",
        f"blocks/{{n}}/attention/qkv/kernel          qkv_heads    {_QKV_KERNELS}",
        f"blocks/{{n}}/attention/qkv/bias            qkv_heads    {_QKV_BIASES}",
        f"blocks/{{n}}/attention/projection/kernel   output_heads {_ATTENTION}/out/kernel",
        f"blocks/{{n}}/attention/projection/bias     same         {_ATTENTION}/out/bias",
        f"blocks/{{n}}/norm2/scale                   same         {_BLOCK}/LayerNorm_1/scale",
        f"blocks/{{n}}/norm2/bias                    same         {_BLOCK}/LayerNorm_1/bias",
        f"blocks/{{n}}/mlp/fc1/kernel                same         {_MLP}/Dense_0/kernel",
        f"blocks/{{n}}/mlp/fc1/bias                  same         {_MLP}/Dense_0/bias",
        f"blocks/{{n}}/mlp/fc2/kernel                same         {_MLP}/Dense_1/kernel",
        f"blocks/{{n}}/mlp/fc2/bias                  same         {_MLP}/Dense_1/bias",
        "norm/scale              same        Transformer/encoder_norm/scale",
        "norm/bias               same        Transformer/encoder_norm/bias",
        "extra/pre_logits/kernel same        pre_logits/kernel",
        "extra/pre_logits/bias   same        pre_logits/bias",
        "head/kernel             same        head/kernel",
        "head/bias               same        head/bias",
    ),
    facts={
        "gelu": "tanh",
        "resample_rule": "bilinear_zoom",
        "pixel_mean": (0.5, 0.5, 0.5),
        "pixel_std": (0.5, 0.5, 0.5),
    },
    prefixes=("opt/target/", "params/img/", "params/"),
    renames=(
        (r"/LayerNorm_2/", "/LayerNorm_1/"),
        (r"/MultiHeadDotProductAttention_1/", "/MultiHeadDotProductAttention_0/"),
        (r"/MlpBlock_3/", "/MlpBlock_0/"),
        (r"^pos_embedding$", "Transformer/posembed_input/pos_embedding"),
    ),
    head=("head/",),
)
