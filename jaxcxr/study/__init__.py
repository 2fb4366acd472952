"""Studies: a grid of experiments from one file; from its runs the paper's tables and figures.

A study file, as those of `configs/study/`, needs only the names that stand here.
"""

from jaxcxr.study.planning.definition import (
    ANALYSES,
    Grid,
    Initialization,
    Phantom,
    Pretraining,
    Study,
    Variant,
    label_efficiency,
)

__all__ = [
    "ANALYSES",
    "Grid",
    "Initialization",
    "Phantom",
    "Pretraining",
    "Study",
    "Variant",
    "label_efficiency",
]
