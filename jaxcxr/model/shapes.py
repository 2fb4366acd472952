"""Shapes of a model's parameters, which its spec alone tells: nothing is traced or imported."""

from __future__ import annotations

from collections.abc import Sequence

from jaxcxr.model.spec import ViTSpec

Shapes = dict[str, tuple[int, ...]]


def expected_shapes(spec: ViTSpec, num_labels: int | None) -> Shapes:
    """Return the shape of every parameter of a model, by path, at its native image size.

    Args:
      spec: the model.
      num_labels: outputs of its head; None without one.
    """
    width, side = spec.width, spec.patch_size
    shapes: Shapes = {"class_token": (1, width)}
    shapes |= {"patch_embedding/kernel": (side, side, 3, width), "patch_embedding/bias": (width,)}
    if spec.table_rows:
        shapes["position_table"] = (spec.table_rows, width)
    if spec.register_tokens:
        shapes["register_tokens"] = (spec.register_tokens, width)
    for number in range(spec.depth):
        shapes |= {f"blocks/{number}/{path}": shape for path, shape in _block(spec).items()}
    shapes |= _norm("norm", width)
    if num_labels is not None:
        shapes |= _linear("head", width, num_labels)
    return {path: shapes[path] for path in sorted(shapes, key=lambda p: in_order(p.split("/")))}


def in_order(parts: Sequence[object]) -> list[tuple[int, str]]:
    """Sort the parts of paths with `blocks/2` before `blocks/10`."""
    return [(int(str(part)), "") if str(part).isdigit() else (-1, str(part)) for part in parts]


def _block(spec: ViTSpec) -> Shapes:
    width = spec.width
    shapes = _norm("norm1", width) | _norm("norm2", width)
    shapes |= _linear("attention/qkv", width, 3 * width, bias=spec.qkv_bias != "none")
    shapes |= _linear("attention/projection", width, width)
    shapes |= _linear("mlp/fc1", width, spec.mlp_width) | _linear("mlp/fc2", spec.mlp_width, width)
    if spec.layer_scale:
        shapes |= {"scale1": (width,), "scale2": (width,)}
    return shapes


def _norm(path: str, width: int) -> Shapes:
    return {f"{path}/scale": (width,), f"{path}/bias": (width,)}


def _linear(path: str, inputs: int, outputs: int, *, bias: bool = True) -> Shapes:
    kernel: Shapes = {f"{path}/kernel": (inputs, outputs)}
    return kernel | ({f"{path}/bias": (outputs,)} if bias else {})
