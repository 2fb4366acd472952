"""The vision transformer and ConvNeXt, their parameters as plain data, and the weights file.

Names are imported when they are asked for: a weights file is read and written without JAX.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxcxr.model.architectures import ModelSpec, spec_from_dict
    from jaxcxr.model.base_spec import IMAGENET_MEAN, IMAGENET_STD
    from jaxcxr.model.building import Model, build_model
    from jaxcxr.model.convnext import ConvNeXt
    from jaxcxr.model.convnext_spec import ConvNeXtSpec
    from jaxcxr.model.loading import load, load_parts
    from jaxcxr.model.parameters import flatten, split, unflatten
    from jaxcxr.model.position import RESAMPLE_RULES, resample_matrix, resample_table
    from jaxcxr.model.spec import ViTSpec
    from jaxcxr.model.vit import ViT
    from jaxcxr.model.weights import read_header, read_tensors, write_weights

_FILES = {
    "architectures": ("ModelSpec", "spec_from_dict"),
    "base_spec": ("IMAGENET_MEAN", "IMAGENET_STD"),
    "building": ("Model", "build_model"),
    "convnext": ("ConvNeXt",),
    "convnext_spec": ("ConvNeXtSpec",),
    "loading": ("load", "load_parts"),
    "parameters": ("flatten", "split", "unflatten"),
    "position": ("RESAMPLE_RULES", "resample_matrix", "resample_table"),
    "spec": ("ViTSpec",),
    "vit": ("ViT",),
    "weights": ("read_header", "read_tensors", "write_weights"),
}
_FILE_OF = {name: file for file, names in _FILES.items() for name in names}

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "RESAMPLE_RULES",
    "ConvNeXt",
    "ConvNeXtSpec",
    "Model",
    "ModelSpec",
    "ViT",
    "ViTSpec",
    "build_model",
    "flatten",
    "load",
    "load_parts",
    "read_header",
    "read_tensors",
    "resample_matrix",
    "resample_table",
    "spec_from_dict",
    "split",
    "unflatten",
    "write_weights",
]


def __getattr__(name: str) -> Any:
    if name not in _FILE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILE_OF[name]}"), name)
