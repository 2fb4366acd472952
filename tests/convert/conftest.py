"""Make timm and torchvision importable beside a CPU build of torch."""

from __future__ import annotations


def _define_missing_torchvision_operators() -> None:
    """Let timm import where a CPU build of torch meets a torchvision built against another one.

    That torchvision cannot load its compiled operators and then fails to register its Python
    ones. Nothing here calls either operator, so naming them is enough.
    """
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        globals()["_torchvision_operators"] = library  # kept alive: it unregisters when collected


_define_missing_torchvision_operators()
