"""Studies: a grid of experiments from one file; from its runs the paper's tables and figures.

A study file, as those of `configs/study/`, needs only the names that stand here.
"""

from jaxcxr.study.planning.definition import (
    ANALYSES,
    Initialization,
    Phantom,
    Pretraining,
    Study,
)
from jaxcxr.study.planning.grid_definition import Grid
from jaxcxr.study.planning.variants import Variant, image_sizes, label_efficiency, label_noise

__all__ = [
    "ANALYSES",
    "Grid",
    "Initialization",
    "Phantom",
    "Pretraining",
    "Study",
    "Variant",
    "image_sizes",
    "label_efficiency",
    "label_noise",
]
