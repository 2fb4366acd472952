"""The `config.json` that describes a model to transformers: its facts, not the defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convert.layouts import Layout
from jaxcxr.model import ConvNeXtSpec, ModelSpec, ViTSpec

# The classes of transformers: without and with a classification head.
CLASSES = {
    "dinov2": ("Dinov2Model", "Dinov2ForImageClassification"),
    "dinov2_with_registers": (
        "Dinov2WithRegistersModel",
        "Dinov2WithRegistersForImageClassification",
    ),
    "vit": ("ViTModel", "ViTForImageClassification"),
    "dinov3_vit": ("DINOv3ViTModel", ""),
    "convnext": ("ConvNextModel", "ConvNextForImageClassification"),
    "dinov3_convnext": ("DINOv3ConvNextModel", ""),
}
NAMES = {
    "hf_vit": "vit",
    "hf_dinov3": "dinov3_vit",
    "hf_convnext": "convnext",
    "hf_dinov3_convnext": "dinov3_convnext",
}


def model_type(spec: ModelSpec, layout: Layout) -> str:
    """What transformers calls the architecture, a key of `CLASSES`."""
    if layout.name == "hf_dinov2" and isinstance(spec, ViTSpec):
        return "dinov2_with_registers" if spec.register_tokens else "dinov2"
    return NAMES[layout.name]


def hf_config(
    spec: ModelSpec, layout: Layout, labels: int | None, names: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return plain JSON values for a layout of the `hf` family.

    Args:
      spec: the model.
      layout: of the family.
      labels: outputs of its head; None without one.
      names: of the outputs, where they are known.
    """
    kind = model_type(spec, layout)
    config: dict[str, Any] = {
        "model_type": kind,
        "architectures": [CLASSES[kind][labels is not None]],
        "image_size": spec.native_image_size,
        "patch_size": spec.patch_size,
        "num_channels": 3,
        "hidden_act": "gelu" if spec.gelu == "erf" else "gelu_pytorch_tanh",
        "dtype": "float32",
    }
    config |= _of_stages(spec) if isinstance(spec, ConvNeXtSpec) else _of_tokens(spec, layout)
    if labels is not None:
        names = names or [f"LABEL_{n}" for n in range(labels)]
        config["id2label"] = {str(n): name for n, name in enumerate(names)}
        config["label2id"] = {name: n for n, name in enumerate(names)}
        config["problem_type"] = "multi_label_classification"
    return config


def _of_tokens(spec: ViTSpec, layout: Layout) -> dict[str, Any]:
    """What describes a vision transformer."""
    config: dict[str, Any] = {
        "hidden_size": spec.width,
        "num_hidden_layers": spec.depth,
        "num_attention_heads": spec.heads,
        "layer_norm_eps": spec.layernorm_epsilon,
    }
    if layout.name == "hf_dinov2":
        config["mlp_ratio"] = spec.mlp_width // spec.width
    else:
        config["intermediate_size"] = spec.mlp_width
    if layout.name != "hf_dinov3":
        config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    if spec.register_tokens:
        config["num_register_tokens"] = spec.register_tokens
    return config


def _of_stages(spec: ConvNeXtSpec) -> dict[str, Any]:
    """What describes a ConvNeXt."""
    return {
        "num_stages": len(spec.depths),
        "hidden_sizes": list(spec.widths),
        "depths": list(spec.depths),
        "layer_norm_eps": spec.final_layernorm_epsilon,
        # Above zero there are factors; their values are in the weights.
        "layer_scale_init_value": 1e-6 if spec.layer_scale else 0.0,
    }
