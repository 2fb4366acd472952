"""Build the PyTorch model of a checkpoint, with the library whose names it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from convert.layouts import Layout
from convert.recognise import Named, read_names
from convert.sources import Source
from convert.transforms import TRANSFORMS, heads_of
from jaxcxr.model import ConvNeXtSpec, ModelSpec


def build_reference(
    named: Named,
    source: Source,
    spec: ModelSpec,
    size: int,
    at: str,
    with_head: bool,
    config: Mapping[str, Any] | None,
) -> tuple[Any, dict[str, np.ndarray] | None]:
    """The PyTorch model of the source, and its head as it stands in the source.

    `config` is transformers' own description of it, where there is one.
    """
    from convert.torch_pair import prepare_torch

    prepare_torch()
    from convert import torch_models as models

    layout = named.layout
    backbone = read_names(layout, source.tensors, keep_head=False)
    head = _head_of(named, source, spec) if with_head else None
    if isinstance(spec, ConvNeXtSpec):
        return _build_convnext(state_of(source, backbone), spec, layout, config), head
    if layout.name == "google":
        return models.build_google(str(source.path), spec, size), head
    state = state_of(source, backbone)
    if layout.rope and layout.family != "hf":
        return models.build_timm_dinov3(state, spec, size), head
    rule = "size_aa" if spec.register_tokens else layout.facts.get("resample_rule", "size")
    if layout.name == "timm" and spec.resample_rule == rule:
        return models.build_timm(state, spec, size), head
    if at == "load":
        table = next((k for k in state if k.endswith(("pos_embed", "position_embeddings"))), None)
        if table is not None:
            class_rows = int(spec.position_table == "class_and_patches")
            grid = spec.grid(size)
            state[table] = models.resample(state[table], spec.resample_rule, grid, class_rows)
            spec = replace(spec, native_image_size=size)
    if layout.family == "hf":
        from convert.torch_hf import build_hf

        return build_hf(state, spec, layout, rule, config), head
    other = "timm keys, positions by PyTorch" if layout.name == "timm" else ""
    return models.build_repository(state, spec, size, other), head


def state_of(source: Source, named: Named) -> dict[str, Any]:
    """The tensors of a source under a layout's names, as PyTorch's."""
    import torch

    return {
        key: torch.from_numpy(np.array(source.tensors[name].read(), np.float32))
        for key, name in named.keys.items()
    }


def _build_convnext(
    state: dict[str, Any], spec: ConvNeXtSpec, layout: Layout, config: Mapping[str, Any] | None
) -> Any:
    if layout.family == "hf":
        from convert.torch_hf import build_hf

        return build_hf(state, spec, layout, "", config)
    from convert.torch_convnext import build_timm_convnext

    return build_timm_convnext(state, spec)


def _head_of(named: Named, source: Source, spec: ModelSpec) -> dict[str, np.ndarray]:
    head = {}
    for key, (row, _) in named.rows.items():
        if row.ours in ("head/kernel", "head/bias"):
            read = source.tensors[named.keys[key]].read()
            head[row.ours[5:]] = TRANSFORMS[row.transform].to_ours([read], heads_of(spec))
    return head
