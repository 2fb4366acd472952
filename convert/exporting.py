"""Turn a weights file back into a checkpoint of timm, the DINO repositories or transformers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from convert.candidates import SIZES
from convert.checkpoints import CHECKPOINTS
from convert.choosing import choose_layout
from convert.hf_config import hf_config
from convert.layouts import Layout
from convert.layouts.table import name_blocks, places_of
from convert.recognise import ROPE_PERIODS
from convert.transforms import TRANSFORMS, heads_of
from jaxcxr.errors import InputError
from jaxcxr.files import atomic_path, write_json
from jaxcxr.model import ConvNeXtSpec, ModelSpec, ViTSpec, read_header, read_tensors
from jaxcxr.model.spec import rope_periods
from jaxcxr.model.weights import EXTRA, check_shapes


def export(
    weights_file: Path, family: str, out: Path, *, with_head: bool = True
) -> tuple[str, list[str]]:
    """Write a checkpoint that the library of a family of layouts loads strictly.

    Args:
      weights_file: ours.
      family: `timm`, `dinov2` (the repositories of DINOv2 and DINOv3), `facebook` (those of
        ConvNeXt and of DINOv3's) or `hf`.
      out: `NAME.safetensors`; for transformers, `model.safetensors` also gets a `config.json`
        beside it, so that `from_pretrained` reads the folder.
      with_head: export the classification head, if there is one.

    Returns:
      The name of the layout, and notes for the user.

    Raises:
      InputError: that library has no model that this one equals; the message says why.
    """
    if out.suffix != ".safetensors":
        raise InputError(f"{out}: an exported checkpoint is named NAME.safetensors")
    header = read_header(weights_file)
    spec, tensors = header.spec, read_tensors(weights_file)
    if not with_head:
        tensors = {path: value for path, value in tensors.items() if not path.startswith("head/")}
    labels = tensors["head/bias"].shape[0] if "head/bias" in tensors else None
    shapes = {k: v.shape for k, v in tensors.items() if not k.startswith(EXTRA)}
    check_shapes(str(weights_file), shapes, spec, labels)
    layout = choose_layout(weights_file, header, family, labels)
    tensors, notes = _fit(weights_file, layout, spec, tensors)
    names = _names(layout, spec, tensors)
    if labels is not None and layout.head_prefix:
        prefix = layout.head_prefix
        if layout.name == "hf_dinov2" and isinstance(spec, ViTSpec) and spec.register_tokens:
            prefix = "dinov2_with_registers."
        names = {k if k.startswith(layout.head) else prefix + k: v for k, v in names.items()}
    with atomic_path(out) as temporary:
        save_file(names, temporary, metadata={"format": "pt"})
    if family == "hf" and out.name == "model.safetensors":
        names_of_outputs = header.provenance.get("labels")
        described = hf_config(spec, layout, labels, names_of_outputs)
        write_json(out.with_name("config.json"), described)
    return layout.name, [*notes, *_how_to_load(layout, spec, labels)]


def _fit(
    weights_file: Path, layout: Layout, spec: ModelSpec, tensors: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Bring the tensors to the forms of a layout, and add what its files also hold."""
    fitted, notes = dict(tensors), list[str]()
    if isinstance(spec, ConvNeXtSpec):
        # DINOv3's files hold the last norm twice, which training would leave behind.
        again = {f"{EXTRA}norm_again/{part}": f"norm/{part}" for part in ("scale", "bias")}
        return fitted | {k: fitted[v] for k, v in again.items() if k in fitted}, notes
    if layout.name == "timm" and spec.register_tokens and "position_table" in fitted:
        fitted |= _position_into_class_token(spec, fitted)
    if layout.rope:
        computed = np.allclose(
            spec.rope_periods, rope_periods(spec.width // spec.heads), rtol=1e-6, atol=0
        )
        if not computed and layout.name != "dinov3":
            raise InputError(
                f"{weights_file}: its rotary periods, rounded in the DINOv3 release, are not those "
                f"that {layout.library} computes, so logits would differ; use --layout dinov2"
            )
        if (
            spec.qkv_bias == "none"
            and "no_key" in layout.qkv_bias
            and "none" not in layout.qkv_bias
        ):
            for n in range(spec.depth):
                fitted[f"blocks/{n}/attention/qkv/bias"] = np.zeros(3 * spec.width, np.float32)
            notes.append("the attention has no bias; written as zeros, which is the same function")
    for path, default in _companions(layout, spec).items():
        if path not in fitted:
            fitted[path] = default()
            if path == f"{EXTRA}mask_token":
                notes.append(
                    "the source had no mask_token; zeros are written, used in no fine-tuning"
                )
    return fitted, notes


def _position_into_class_token(
    spec: ViTSpec, tensors: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """timm's models with registers add the class token's position to the class token itself."""
    if spec.position_table == "patches":
        return {}
    table = tensors["position_table"]
    return {"class_token": tensors["class_token"] + table[:1], "position_table": table[1:]}


def _companions(layout: Layout, spec: ViTSpec) -> dict[str, Callable[[], np.ndarray]]:
    """What files of a layout hold beside the model, and how to make it where a source had none."""
    companions: dict[str, Callable[[], np.ndarray]] = {}
    ours = {row.ours for row in layout.rows}
    if f"{EXTRA}mask_token" in ours and layout.name != "hf_vit":
        companions[f"{EXTRA}mask_token"] = lambda: np.zeros((1, spec.width), np.float32)
    if ROPE_PERIODS in ours:
        companions[ROPE_PERIODS] = lambda: np.array(spec.rope_periods, np.float32)
        mask = np.repeat(np.array([1, 0, 1], np.float32), spec.width)
        for n in range(spec.depth):
            companions[f"{EXTRA}qkv_bias_masks/{n}"] = lambda: mask.copy()
    return companions


def _names(
    layout: Layout, spec: ModelSpec, tensors: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    names: dict[str, np.ndarray] = {}
    for row in layout.rows:
        for path, keys in name_blocks(row, places_of(spec)):
            if path in tensors:
                parts = TRANSFORMS[row.transform].to_theirs(tensors[path], heads_of(spec))
                names |= dict(zip(keys, map(np.ascontiguousarray, parts), strict=True))
    return names


def _how_to_load(layout: Layout, spec: ModelSpec, labels: int | None) -> list[str]:
    """What to tell the library so that it builds this very model."""
    notes = list[str]()
    if layout.family != "timm":
        return notes
    timm_names = [
        row.names["timm"].split(".")[0]
        for row in CHECKPOINTS.values()
        if "timm" in row.names and _same_sizes(row.spec, spec) and "/" not in row.names["timm"]
    ]
    if not timm_names:
        return notes
    name, options = timm_names[0], f"num_classes={labels or 0}"
    if isinstance(spec, ViTSpec):
        name += "_qkvb" if layout.rope and spec.qkv_bias != "none" else ""
        options = f"img_size={spec.native_image_size}, {options}"
        options += ", global_pool='token'" if layout.rope else ""
        if spec.pooling == "mean_tokens" and labels is not None:
            options += ", global_pool='avg', fc_norm=False, pool_include_prefix=True"
    elif spec.final_layernorm_epsilon != spec.layernorm_epsilon:
        notes.append(f"set model.head.norm.eps = {spec.final_layernorm_epsilon:g} after loading")
    return [f"load with timm.create_model({name!r}, {options})", *notes]


def _same_sizes(a: ModelSpec, b: ModelSpec) -> bool:
    names = (*SIZES[b.architecture], "layer_scale", "architecture")
    names += ("heads",) if b.architecture == "vit" else ()
    return all(getattr(a, name, None) == getattr(b, name) for name in names)
