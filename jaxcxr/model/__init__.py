"""The vision transformer and ConvNeXt, their parameters as plain data, and the weights file."""

from jaxcxr.model.architectures import Model, ModelSpec, build_model, spec_from_dict
from jaxcxr.model.base_spec import IMAGENET_MEAN, IMAGENET_STD
from jaxcxr.model.convnext import ConvNeXt
from jaxcxr.model.convnext_spec import ConvNeXtSpec
from jaxcxr.model.parameters import flatten, split, unflatten
from jaxcxr.model.position import RESAMPLE_RULES, resample_matrix, resample_table
from jaxcxr.model.spec import ViTSpec
from jaxcxr.model.vit import ViT
from jaxcxr.model.weights import load, read_header, read_tensors, write_weights

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
    "read_header",
    "read_tensors",
    "resample_matrix",
    "resample_table",
    "spec_from_dict",
    "split",
    "unflatten",
    "write_weights",
]
