"""The classifier in an exported checkpoint, as the library that it is for builds and runs it.

This module imports torch; import it in functions.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from convert.torch_convnext import build_timm_convnext
from convert.torch_models import build_timm, build_timm_dinov3
from jaxcxr.errors import InputError
from jaxcxr.model import ConvNeXtSpec, ModelSpec

BATCH = 16


def classifier(exported: Path, family: str, spec: ModelSpec, labels: int) -> nn.Module:
    """Build the model of an exported file: images `[batch, 3, height, width]` to logits.

    Args:
      exported: the file; of the family `hf` the folder around it has the `config.json` too.
      family: `timm` or `hf`.
      spec: of the model.
      labels: outputs of its head.
    """
    if family == "hf":
        import transformers

        transformers.utils.logging.disable_progress_bar()
        model = transformers.AutoModelForImageClassification.from_pretrained(exported.parent)
        return _Logits(model).eval()
    if isinstance(spec, ConvNeXtSpec):
        return build_timm_convnext(load_file(exported), spec, labels).module
    if spec.register_tokens and spec.position_table == "class_and_patches":
        # The export added the class token's row to the class token, as timm has it.
        spec = replace(spec, position_table="patches")
    build = build_timm_dinov3 if spec.rope_periods else build_timm
    return build(load_file(exported), spec, spec.native_image_size, labels).module


class _Logits(nn.Module):
    """Only the logits of a classifier of transformers."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model(images).logits


class Whole(nn.Module):
    """Gray levels `[batch, side, side]` uint8 to logits and calibrated probabilities.

    Args:
      model: the classifier.
      around: `mean` and `std` of the pixels, and of each label `slope` and `offset`, with
        probability = sigmoid(slope * logit + offset).
    """

    mean: torch.Tensor
    std: torch.Tensor
    slope: torch.Tensor
    offset: torch.Tensor

    def __init__(self, model: nn.Module, around: dict[str, list[float]]):
        super().__init__()
        self.model = model
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(around[name]).reshape(1, 3, 1, 1))
        for name in ("slope", "offset"):
            self.register_buffer(name, torch.tensor(around[name]))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return both as `[batch, labels]`."""
        scaled = images.to(torch.float32).unsqueeze(1).expand(-1, 3, -1, -1) / 255
        logits = self.model((scaled - self.mean) / self.std)
        return logits, torch.sigmoid(self.slope * logits + self.offset)


def run_whole(whole: Whole, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give logits and probabilities `[images, labels]` of images `[images, side, side]` uint8."""
    with torch.inference_mode():
        parts = [
            whole(torch.from_numpy(images[start : start + BATCH]))
            for start in range(0, len(images), BATCH)
        ]
    logits, probabilities = (torch.cat(one).numpy() for one in zip(*parts, strict=True))
    return logits, probabilities


def check_around(around: dict[str, list[float]], labels: int, where: Path) -> None:
    """Stop where what stands around a model does not fit its head.

    Raises:
      InputError: it does not.
    """
    sizes = {"mean": 3, "std": 3, "slope": labels, "offset": labels}
    for name, size in sizes.items():
        if len(around.get(name, ())) != size:
            raise InputError(f"{where}: {name} has not {size} numbers; export the run again")
