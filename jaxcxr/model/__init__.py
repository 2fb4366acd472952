"""The vision transformer, its parameters as plain data, and the weights file."""

from jaxcxr.model.parameters import flatten, split, unflatten
from jaxcxr.model.position import RESAMPLE_RULES, resample_matrix, resample_table
from jaxcxr.model.spec import IMAGENET_MEAN, IMAGENET_STD, ViTSpec
from jaxcxr.model.vit import ViT
from jaxcxr.model.weights import load, read_header, read_tensors, write_weights

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "RESAMPLE_RULES",
    "ViT",
    "ViTSpec",
    "flatten",
    "load",
    "read_header",
    "read_tensors",
    "resample_matrix",
    "resample_table",
    "split",
    "unflatten",
    "write_weights",
]
