"""The key tables: what each library calls the parameters of a model.

To support another way of naming, add one table. A row says which of our parameters comes from
which of theirs, and by which transform; `{n}` counts the blocks, `{s}` and `{m}` count them by
stages. Which rows a file must have follows from the model it holds; rows under `extra/` may be
absent: they belong to the checkpoint, are no part of the model, and are kept for the way back.
"""

from convert.layouts.convnext_names import (
    CONVNEXT,
    HF_CONVNEXT,
    HF_DINOV3_CONVNEXT,
    TIMM_CONVNEXT,
)
from convert.layouts.google_names import GOOGLE
from convert.layouts.hf_names import HF_DINOV2, HF_DINOV3, HF_VIT
from convert.layouts.table import Layout, Row
from convert.layouts.torch_names import DINOV2, DINOV3, TIMM, TIMM_DINOV3

LAYOUTS = {
    layout.name: layout
    for layout in (
        *(TIMM, DINOV2, TIMM_DINOV3, DINOV3, HF_DINOV2, HF_VIT, HF_DINOV3, GOOGLE),
        *(TIMM_CONVNEXT, CONVNEXT, HF_CONVNEXT, HF_DINOV3_CONVNEXT),
    )
}

__all__ = ["LAYOUTS", "Layout", "Row"]
