"""The Hugging Face models that a conversion is measured against. Import it in functions."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file

from convert.hf_config import CLASSES, hf_config, model_type
from convert.layouts import Layout
from convert.torch_convnext import staged
from convert.torch_models import Reference, resample
from jaxcxr.errors import InputError
from jaxcxr.files import write_json
from jaxcxr.model import ModelSpec, ViTSpec


def build_hf(
    state: Mapping[str, torch.Tensor],
    spec: ModelSpec,
    layout: Layout,
    library_rule: str,
    config: Mapping[str, Any] | None = None,
) -> Reference:
    """The model of transformers, read by its own `from_pretrained` from a file of these keys.

    It is built from the source's own configuration where that is of this kind of model, so that
    no reading of ours comes between.
    """
    kind_name = model_type(spec, layout)
    name = CLASSES[kind_name][0]
    described = hf_config(spec, layout, None)
    if config is not None and config.get("model_type") == kind_name:
        size = {"image_size": spec.native_image_size}  # of the table, which may be resampled
        described = {**config, **size, "architectures": [name], "dtype": "float32"}
    kind = getattr(transformers, name)
    options: dict[str, Any] = {}
    if layout.architecture == "vit":
        options["attn_implementation"] = "eager"
    if layout.name == "hf_vit":
        options["add_pooling_layer"] = "pooler.dense.weight" in state
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        write_json(Path(folder) / "config.json", described)
        save_file(dict(state), Path(folder) / "model.safetensors", metadata={"format": "pt"})
        model, info = kind.from_pretrained(folder, output_loading_info=True, **options)
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        if info.get(problem):
            raise InputError(f"transformers reads the source with {problem}: {info[problem]}")
    title = f"transformers {transformers.__version__} {name}"
    if layout.architecture == "convnext":
        dinov3 = layout.name == "hf_dinov3_convnext"
        stages = model.model.stages if dinov3 else model.encoder.stages
        lists = [s.downsample_layers if dinov3 else s.downsampling_layer for s in stages]
        norm = model.layer_norm if dinov3 else model.layernorm
        patches = lists[0][0] if dinov3 else model.embeddings.patch_embeddings
        blocks = [list(stage.layers) for stage in stages]
        halvings = [halving[-1] for halving in lists[1:]]
        return staged(title, _Tokens(model).eval(), patches, blocks, halvings, norm, layout.name)
    assert isinstance(spec, ViTSpec)
    if layout.name == "hf_dinov3":
        blocks, norm, patches = model.model.layer, model.norm, model.embeddings.patch_embeddings
    else:
        blocks = model.layers if layout.name == "hf_vit" else model.encoder.layer
        norm = model.layernorm
        patches = model.embeddings.patch_embeddings
        _resample_by(model.embeddings, spec, library_rule)
    forward = _Tokens(model, interpolate=layout.name == "hf_vit")
    return Reference(title, forward.eval(), patches, blocks, norm, layout.name)


class _Tokens(torch.nn.Module):
    """Only the tokens of a transformers model, whose parameters keep their names."""

    def __init__(self, model: torch.nn.Module, *, interpolate: bool = False):
        super().__init__()
        self.model = model
        self.options = {"interpolate_pos_encoding": True} if interpolate else {}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model(images, **self.options).last_hidden_state

    def named_parameters(self, *args: Any, **kwargs: Any) -> Any:
        return self.model.named_parameters(*args, **kwargs)


def _resample_by(embeddings: Any, spec: ViTSpec, library_rule: str) -> None:
    """Leave the library's own resampling, unless the weights file says another rule."""
    if spec.resample_rule == library_rule:
        return

    def interpolate_pos_encoding(tokens: torch.Tensor, height: int, width: int) -> torch.Tensor:
        del tokens, width
        grid = height // spec.patch_size
        return resample(embeddings.position_embeddings, spec.resample_rule, grid, 1)

    embeddings.interpolate_pos_encoding = interpolate_pos_encoding
