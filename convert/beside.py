"""What lies beside a checkpoint and says what its shapes do not: heads, activation, pixels.

transformers writes `config.json` and `preprocessor_config.json`, timm another `config.json`. They
are read for the fields of the spec; what a model here cannot be is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from jaxcxr.errors import InputError
from jaxcxr.model.spec import rope_periods
from jaxcxr.small_files import read_json

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
# What transformers and timm call the activations that a model here can have.
GELUS = {
    **dict.fromkeys(("gelu", "gelu_python"), "erf"),
    **dict.fromkeys(("gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_tanh"), "tanh"),
}
DIMENSIONS = {
    "hidden_size": "width",
    "num_hidden_layers": "depth",
    "num_attention_heads": "heads",
    "intermediate_size": "mlp_width",
    "image_size": "native_image_size",
    "patch_size": "patch_size",
    "num_register_tokens": "register_tokens",
}
TIMM_DIMENSIONS = {
    "embed_dim": "width",
    "depth": "depth",
    "num_heads": "heads",
    "patch_size": "patch_size",
    "reg_tokens": "register_tokens",
}


LARGEST = 1e9  # of a number that means a size, a rate or a share


class BesideFile(TypedDict, total=False):
    """What is read of such a file besides plain numbers and words."""

    pretrained_cfg: dict[str, Any] | None
    model_args: dict[str, Any] | None
    rope_parameters: dict[str, Any] | None


@dataclass(frozen=True)
class Beside:
    """What the files beside a checkpoint say.

    Attributes:
      fields: of the spec.
      files: where each field is from, by field.
      name: what timm's file calls the model, with its tag.
      labels: what the outputs of its head are called, where they have names.
      config: transformers' own, as it stands there.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    labels: tuple[str, ...] = ()
    config: Mapping[str, Any] | None = None


def read_beside(checkpoint: Path) -> Beside:
    """Read what lies beside a checkpoint file; nothing, if nothing does.

    Raises:
      InputError: a file there is not readable, or says what a model here cannot be.
    """
    config, path = _json(checkpoint, CONFIG)
    fields: dict[str, Any] = {}
    name: str | None = None
    labels: tuple[str, ...] = ()
    own: Mapping[str, Any] | None = None
    if "architecture" in config:
        fields = _of_timm(config, path)
        tag = (config.get("pretrained_cfg") or {}).get("tag")
        name = ".".join(str(part) for part in (config["architecture"], tag) if part)
    elif "model_type" in config or "hidden_size" in config:
        fields = _of_transformers(config, path)
        labels, own = _labels(config), config
    files = dict.fromkeys(fields, CONFIG)
    preprocessor, path = _json(checkpoint, PREPROCESSOR)
    pixels = _pixels(preprocessor, path)
    return Beside(fields | pixels, files | dict.fromkeys(pixels, PREPROCESSOR), name, labels, own)


def _json(checkpoint: Path, name: str) -> tuple[dict[str, Any], Path]:
    path = checkpoint.with_name(name)
    if not path.is_file():
        return {}, path
    remedy = "copy it again, or move the weights beside it to a folder of their own"
    # Python writes NaN and Infinity into JSON, and so does transformers.
    return read_json(path, BesideFile, "a config", remedy, finite=False), path


def _of_transformers(config: Mapping[str, Any], path: Path) -> dict[str, Any]:
    fields = _numbers(config, DIMENSIONS, int, path)
    epsilons = _numbers(config, {"layer_norm_eps": "layernorm_epsilon"}, float, path)
    if config.get("hidden_sizes") is not None:
        fields |= _stages(config, {"hidden_sizes": "widths", "depths": "depths"}, path)
        final = {f"final_{name}": value for name, value in epsilons.items()}
        # ConvNext fixes the others in its code; DINOv3ConvNext has one for all.
        epsilons = final if config.get("model_type") == "convnext" else epsilons | final
    fields |= epsilons
    if config.get("hidden_act") is not None:
        fields["gelu"] = _gelu(config["hidden_act"], "hidden_act", path)
    for gate in ("use_swiglu_ffn", "use_gated_mlp"):
        if config.get(gate):
            raise InputError(f"{path}: {gate} is on; a model here has a plain MLP and cannot be it")
    ratio = _numbers(config, {"mlp_ratio": "ratio"}, float, path).get("ratio")
    if ratio is not None and "mlp_width" not in fields and "width" in fields:
        fields["mlp_width"] = int(fields["width"] * ratio)
    rope = {**config, **(config.get("rope_parameters") or {})}
    theta = _numbers(rope, {"rope_theta": "theta"}, float, path).get("theta")
    if theta and fields.get("width") and fields.get("heads"):
        # Periods that are in the weights file itself are rounded and go before these.
        fields["rope_periods"] = rope_periods(fields["width"] // fields["heads"], theta)
    return fields


def _of_timm(config: Mapping[str, Any], path: Path) -> dict[str, Any]:
    fields = _numbers(config, {"num_features": "width"}, int, path)
    arguments = config.get("model_args") or {}
    if not str(config.get("architecture")).startswith("convnext"):
        fields |= _numbers(arguments, TIMM_DIMENSIONS, int, path)
    elif "dims" in arguments or "depths" in arguments:
        fields |= _stages(arguments, {"dims": "widths", "depths": "depths"}, path)
    if isinstance(arguments.get("act_layer"), str):
        fields["gelu"] = _gelu(arguments["act_layer"], "act_layer", path)
    pretrained = config.get("pretrained_cfg") or {}
    for key, name in (("mean", "pixel_mean"), ("std", "pixel_std")):
        if pretrained.get(key) is not None:
            fields[name] = _channels(pretrained[key], key, path)
    size = pretrained.get("input_size")
    if isinstance(size, list) and len(size) == 3:
        fields |= _numbers({"input_size": size[-1]}, {"input_size": "native_image_size"}, int, path)
    return fields


def _pixels(preprocessor: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Mean and standard deviation of pixels in [0, 1], whatever scale the preprocessor has.

    It makes `(pixel * factor - mean) / std` of a pixel from 0 to 255.
    """
    if preprocessor.get("image_mean") is None or preprocessor.get("image_std") is None:
        return {}
    mean, std = (_channels(preprocessor[f"image_{k}"], f"image_{k}", path) for k in ("mean", "std"))
    if preprocessor.get("do_normalize") is False:
        mean, std = (0.0,) * 3, (1.0,) * 3
    factor = _numbers(preprocessor, {"rescale_factor": "factor"}, float, path).get("factor")
    if preprocessor.get("do_rescale") is False:
        factor = 1.0
    if factor == 0:
        raise InputError(f"{path}: rescale_factor is 0, which leaves nothing of an image")
    if factor is not None and abs(255 * factor - 1) > 1e-6:
        mean, std = (tuple(v / (255 * factor) for v in values) for values in (mean, std))
    return {"pixel_mean": mean, "pixel_std": std}


def _numbers(
    found: Mapping[str, Any], names: Mapping[str, str], kind: Callable[[Any], Any], path: Path
) -> dict[str, Any]:
    fields = {}
    for key, name in names.items():
        value = found.get(key)
        if value is None:
            continue
        if isinstance(value, list) and value and len(set(map(str, value))) == 1:
            value = value[0]  # a size for each of two sides
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value < LARGEST:
            raise InputError(f"{path}: {key} is {str(value)[:40]!r}, which is no size here")
        fields[name] = kind(value)
    return fields


def _stages(found: Mapping[str, Any], names: Mapping[str, str], path: Path) -> dict[str, Any]:
    """Sizes of which each stage has its own."""
    fields = {}
    for key, name in names.items():
        values = found.get(key)
        if values is None:
            continue
        if not isinstance(values, list) or not all(type(v) is int and v > 0 for v in values):
            raise InputError(f"{path}: {key} is not a list of sizes, one for each stage")
        fields[name] = tuple(values)
    return fields


def _channels(values: Any, key: str, path: Path) -> tuple[float, ...]:
    if isinstance(values, int | float):
        values = [values] * 3
    try:
        channels = tuple(float(value) for value in values)
    except (TypeError, ValueError, OverflowError):
        channels = ()
    if len(channels) == 1:
        channels *= 3
    if len(channels) != 3 or not all(map(math.isfinite, channels)):
        raise InputError(f"{path}: {key} is not a number for each of three channels")
    return channels


def _gelu(name: Any, key: str, path: Path) -> str:
    if not isinstance(name, str) or name not in GELUS:
        raise InputError(
            f"{path}: {key} is {str(name)[:40]!r}; a model here has GELU and cannot be it"
        )
    return GELUS[name]


def _labels(config: Mapping[str, Any]) -> tuple[str, ...]:
    names = config.get("id2label")
    if not isinstance(names, dict) or not all(str(key).isdecimal() for key in names):
        return ()
    ordered = [str(names[key]) for key in sorted(names, key=int)]
    return () if all(name.startswith("LABEL_") for name in ordered) else tuple(ordered)
