"""The key tables: what each library calls the parameters of a vision transformer.

To support another way of naming, add one table here. A row says which of our parameters comes
from which of theirs, and by which transform; `{n}` counts the blocks. Which rows a file must have
follows from the model it describes; rows under `extra/` may be absent: they belong to the
checkpoint, are no part of the model, and are kept for the way back.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One of our parameters, their tensors that make it up, and the transform between them."""

    ours: str
    theirs: tuple[str, ...]
    transform: str


@dataclass(frozen=True)
class Layout:
    """A library's names.

    Attributes:
      name: its name here.
      family: what `python -m convert export --layout` calls it: `timm`, `dinov2` or `hf`.
      library: whose names these are.
      rows: the key table.
      prefixes: in front of every key of some files; taken off.
      renames: regular expressions that bring other generations of the names to this table's.
      head: the key prefixes of a classification head, left out unless it is kept.
      left_out: the key prefixes of pre-training parts that no backbone needs.
      rule: how the library resamples the position table of a model of its own without registers.
    """

    name: str
    family: str
    library: str
    rule: str
    rows: tuple[Row, ...]
    prefixes: tuple[str, ...] = ()
    renames: tuple[tuple[str, str], ...] = ()
    head: tuple[str, ...] = ("head.",)
    left_out: tuple[str, ...] = ()


def _rows(*lines: str) -> tuple[Row, ...]:
    """Read a key table: `ours  transform  theirs [theirs ...]`, a line each."""
    rows = []
    for line in lines:
        ours, transform, *theirs = line.split()
        rows.append(Row(ours, tuple(theirs), transform))
    return tuple(rows)


# timm's VisionTransformer and the DINOv2 repository share these.
_TORCH = _rows(
    "patch_embedding/kernel          conv        patch_embed.proj.weight",
    "patch_embedding/bias            same        patch_embed.proj.bias",
    "class_token                     drop_batch  cls_token",
    "position_table                  drop_batch  pos_embed",
    "blocks/{n}/norm1/scale          same        blocks.{n}.norm1.weight",
    "blocks/{n}/norm1/bias           same        blocks.{n}.norm1.bias",
    "blocks/{n}/attention/qkv/kernel linear      blocks.{n}.attn.qkv.weight",
    "blocks/{n}/attention/qkv/bias   same        blocks.{n}.attn.qkv.bias",
    "blocks/{n}/attention/projection/kernel  linear  blocks.{n}.attn.proj.weight",
    "blocks/{n}/attention/projection/bias    same    blocks.{n}.attn.proj.bias",
    "blocks/{n}/norm2/scale          same        blocks.{n}.norm2.weight",
    "blocks/{n}/norm2/bias           same        blocks.{n}.norm2.bias",
    "blocks/{n}/mlp/fc1/kernel       linear      blocks.{n}.mlp.fc1.weight",
    "blocks/{n}/mlp/fc1/bias         same        blocks.{n}.mlp.fc1.bias",
    "blocks/{n}/mlp/fc2/kernel       linear      blocks.{n}.mlp.fc2.weight",
    "blocks/{n}/mlp/fc2/bias         same        blocks.{n}.mlp.fc2.bias",
    "norm/scale                      same        norm.weight",
    "norm/bias                       same        norm.bias",
    "head/kernel                     linear      head.weight",
    "head/bias                       same        head.bias",
)
_TORCH_LAYER_SCALE = _rows(
    "blocks/{n}/scale1               same        blocks.{n}.ls1.gamma",
    "blocks/{n}/scale2               same        blocks.{n}.ls2.gamma",
)
# The DINOv2 repository chunks the blocks of training checkpoints: blocks.CHUNK.N, N over all.
_TORCH_RENAMES = ((r"^blocks\.\d+\.(\d+)\.", r"blocks.\1."),)
_TORCH_PREFIXES = ("module.", "_orig_mod.", "teacher.", "student.", "backbone.", "model.")

_HF_EMBEDDINGS = _rows(
    "class_token                     drop_batch  embeddings.cls_token",
    "position_table                  drop_batch  embeddings.position_embeddings",
    "extra/mask_token                same        embeddings.mask_token",
    "patch_embedding/kernel          conv        embeddings.patch_embeddings.projection.weight",
    "patch_embedding/bias            same        embeddings.patch_embeddings.projection.bias",
)


def _hf_attention(query: str, key: str, value: str, output: str) -> tuple[Row, ...]:
    block = "encoder.layer.{n}.attention."
    weights = " ".join(f"{block}{name}.weight" for name in (query, key, value))
    biases = " ".join(f"{block}{name}.bias" for name in (query, key, value))
    return _rows(
        f"blocks/{{n}}/attention/qkv/kernel         qkv_linears  {weights}",
        f"blocks/{{n}}/attention/qkv/bias           qkv_biases   {biases}",
        f"blocks/{{n}}/attention/projection/kernel  linear       {block}{output}.weight",
        f"blocks/{{n}}/attention/projection/bias    same         {block}{output}.bias",
    )


_HF_ATTENTION = _hf_attention("attention.query", "attention.key", "attention.value", "output.dense")
# transformers 5 renames modules in memory; a file saved from `state_dict()` has those names.
_HF_RENAMES = (
    (r"^layers\.", "encoder.layer."),
    (r"\.attention\.q_proj\.", ".attention.attention.query."),
    (r"\.attention\.k_proj\.", ".attention.attention.key."),
    (r"\.attention\.v_proj\.", ".attention.attention.value."),
    (r"\.attention\.o_proj\.", ".attention.output.dense."),
)
_HF_FINAL = _rows(
    "norm/scale                      same        layernorm.weight",
    "norm/bias                       same        layernorm.bias",
    "head/kernel                     linear      classifier.weight",
    "head/bias                       same        classifier.bias",
)

TIMM = Layout(
    name="timm",
    family="timm",
    library="timm",
    rule="size_aa",
    rows=(
        *_TORCH,
        *_TORCH_LAYER_SCALE,
        *_rows("register_tokens          drop_batch  reg_token"),
    ),
    prefixes=_TORCH_PREFIXES,
    renames=_TORCH_RENAMES,
    left_out=("decoder_", "mask_token"),
)

DINOV2 = Layout(
    name="dinov2",
    family="dinov2",
    library="DINOv2 repository (torch.hub)",
    rule="dinov2",
    rows=(
        *_TORCH,
        *_TORCH_LAYER_SCALE,
        *_rows(
            "register_tokens                 drop_batch  register_tokens",
            "extra/mask_token                same        mask_token",
        ),
    ),
    prefixes=_TORCH_PREFIXES,
    renames=_TORCH_RENAMES,
    left_out=("dino_head.", "ibot_head.", "dino_loss.", "ibot_patch_loss."),
)

HF_DINOV2 = Layout(
    name="hf_dinov2",
    family="hf",
    library="transformers Dinov2Model, Dinov2WithRegistersModel",
    rule="size",
    rows=(
        *_HF_EMBEDDINGS,
        *_HF_ATTENTION,
        *_HF_FINAL,
        *_rows(
            "register_tokens           drop_batch  embeddings.register_tokens",
            "blocks/{n}/norm1/scale    same        encoder.layer.{n}.norm1.weight",
            "blocks/{n}/norm1/bias     same        encoder.layer.{n}.norm1.bias",
            "blocks/{n}/norm2/scale    same        encoder.layer.{n}.norm2.weight",
            "blocks/{n}/norm2/bias     same        encoder.layer.{n}.norm2.bias",
            "blocks/{n}/scale1         same        encoder.layer.{n}.layer_scale1.lambda1",
            "blocks/{n}/scale2         same        encoder.layer.{n}.layer_scale2.lambda1",
            "blocks/{n}/mlp/fc1/kernel linear      encoder.layer.{n}.mlp.fc1.weight",
            "blocks/{n}/mlp/fc1/bias   same        encoder.layer.{n}.mlp.fc1.bias",
            "blocks/{n}/mlp/fc2/kernel linear      encoder.layer.{n}.mlp.fc2.weight",
            "blocks/{n}/mlp/fc2/bias   same        encoder.layer.{n}.mlp.fc2.bias",
        ),
    ),
    prefixes=("module.", "dinov2.", "dinov2_with_registers."),
    renames=_HF_RENAMES,
    head=("classifier.",),
)

LAYOUTS = {layout.name: layout for layout in (TIMM, DINOV2, HF_DINOV2)}
