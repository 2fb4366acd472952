"""Import timm and transformers where torch and torchvision were not built for one another.

Both import torchvision, which then cannot register its operators and stops. Verification runs no
operator of torchvision, so declaring the two names it stumbles over is enough.
"""

from __future__ import annotations

import functools
from typing import Any

from jaxcxr.errors import InputError


@functools.cache
def prepare_torch() -> Any:
    """Import torch, and make timm importable; return the declared operators to keep them alive.

    Raises:
      InputError: torch, torchvision or timm is not installed.
    """
    try:
        import torch

        try:
            import torchvision  # type: ignore[import-untyped]  # noqa: F401
        except RuntimeError:
            library = torch.library.Library("torchvision", "DEF")
            library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            return library
        import timm  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"this needs {error.name}; install it with pip install 'jaxcxr[convert]'"
        ) from None
    return None
