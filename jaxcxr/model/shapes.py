"""Shapes of a model's parameters, which its spec alone tells: nothing is traced or imported."""

from __future__ import annotations

from collections.abc import Sequence

from jaxcxr.model.architectures import ModelSpec
from jaxcxr.model.convnext_spec import EXPANSION, KERNEL, ConvNeXtSpec
from jaxcxr.model.spec import ViTSpec

Shapes = dict[str, tuple[int, ...]]


def expected_shapes(spec: ModelSpec, num_labels: int | None) -> Shapes:
    """Return the shape of every parameter of a model, by path, at its native image size.

    Args:
      spec: the model.
      num_labels: outputs of its head; None without one.
    """
    shapes = _convnext(spec) if isinstance(spec, ConvNeXtSpec) else _vit(spec)
    shapes |= _norm("norm", spec.width)
    if num_labels is not None:
        shapes |= _linear("head", spec.width, num_labels)
    return {path: shapes[path] for path in sorted(shapes, key=lambda p: in_order(p.split("/")))}


def in_order(parts: Sequence[object]) -> list[tuple[int, str]]:
    """Sort the parts of paths with `blocks/2` before `blocks/10`."""
    return [(int(str(part)), "") if str(part).isdigit() else (-1, str(part)) for part in parts]


def _vit(spec: ViTSpec) -> Shapes:
    width = spec.width
    shapes = {"class_token": (1, width)} | _patches("patch_embedding", spec.patch_size, 3, width)
    if spec.table_rows:
        shapes["position_table"] = (spec.table_rows, width)
    if spec.register_tokens:
        shapes["register_tokens"] = (spec.register_tokens, width)
    block = _norm("norm1", width) | _norm("norm2", width) | _mlp(width, spec.mlp_width)
    block |= _linear("attention/qkv", width, 3 * width, bias=spec.qkv_bias != "none")
    block |= _linear("attention/projection", width, width)
    if spec.layer_scale:
        block |= {"scale1": (width,), "scale2": (width,)}
    for number in range(spec.depth):
        shapes |= _within(f"blocks/{number}", block)
    return shapes


def _convnext(spec: ConvNeXtSpec) -> Shapes:
    first = spec.widths[0]
    shapes = _patches("patch_embedding", spec.patch_size, 3, first) | _norm("embedding_norm", first)
    for block, (stage, number) in enumerate(spec.places()):
        width = spec.widths[stage]
        parts = {"depthwise/kernel": (KERNEL, KERNEL, 1, width), "depthwise/bias": (width,)}
        parts |= _norm("norm", width) | _mlp(width, EXPANSION * width)
        if spec.layer_scale:
            parts["scale"] = (width,)
        if stage and not number:
            before = spec.widths[stage - 1]
            parts |= _norm("downsample/norm", before)
            parts |= _patches("downsample/convolution", 2, before, width)
        shapes |= _within(f"blocks/{block}", parts)
    return shapes


def _within(path: str, shapes: Shapes) -> Shapes:
    return {f"{path}/{name}": shape for name, shape in shapes.items()}


def _patches(path: str, side: int, channels: int, width: int) -> Shapes:
    return {f"{path}/kernel": (side, side, channels, width), f"{path}/bias": (width,)}


def _mlp(width: int, hidden: int) -> Shapes:
    return _linear("mlp/fc1", width, hidden) | _linear("mlp/fc2", hidden, width)


def _norm(path: str, width: int) -> Shapes:
    return {f"{path}/scale": (width,), f"{path}/bias": (width,)}


def _linear(path: str, inputs: int, outputs: int, *, bias: bool = True) -> Shapes:
    kernel: Shapes = {f"{path}/kernel": (inputs, outputs)}
    return kernel | ({f"{path}/bias": (outputs,)} if bias else {})
