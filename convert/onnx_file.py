"""A classifier as one ONNX file, by PyTorch's own exporter, and its run by ONNX Runtime.

This module imports torch; import it in functions.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convert.torch_classifier import BATCH, Whole
from jaxcxr.errors import InputError

OPSET = 18  # of 2022, which every ONNX Runtime since 1.14 reads
OUTPUTS = ("logits", "probabilities")
MOST_BYTES = 2**31 - 2**20  # of protobuf


def need_onnx() -> None:
    """Stop where a package for ONNX is not installed.

    Raises:
      InputError: it is not.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"this needs {error.name}; install it with pip install 'jaxcxr[export]'"
        ) from None


def write_onnx(path: Path, whole: Whole, side: int) -> None:
    """Write the model with the input `images` `[batch, side, side]` uint8, any batch.

    Raises:
      InputError: a package is missing, or the model is too large for one file.
    """
    need_onnx()
    import onnx

    size = sum(value.numel() for value in whole.parameters()) * 4
    if size > MOST_BYTES:
        raise InputError(
            f"{path}: {size:,} bytes of weights are more than an ONNX file can hold (2 GiB); "
            "use --format timm or hf"
        )
    images = torch.zeros(2, side, side, dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the exporter's own insides
        program: Any = torch.onnx.export(
            whole,
            (images,),
            dynamo=True,
            input_names=["images"],
            output_names=list(OUTPUTS),
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
            verbose=False,
        )
    model = program.model_proto
    _forget_places(model)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def run_onnx(path: Path, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reload a file and run it on images `[images, side, side]` uint8, on the CPU."""
    need_onnx()
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    parts = [
        session.run(list(OUTPUTS), {"images": images[start : start + BATCH]})
        for start in range(0, len(images), BATCH)
    ]
    logits, probabilities = (np.concatenate(one) for one in zip(*parts, strict=True))
    return logits, probabilities


def _forget_places(model: Any) -> None:
    """Take out what the exporter notes of each operation: whose lines, in which files."""
    del model.metadata_props[:]
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        del graph.metadata_props[:]
        graph.doc_string = ""
        for node in graph.node:
            del node.metadata_props[:]
            node.doc_string = ""
        for value in graph.value_info:
            del value.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
