"""DINOv2 against random weights on 241 real radiographs, three seeds: docs/real_radiographs.md.

    python -m jaxcxr.study --study=configs/study/real_radiographs.py --out studies/real_radiographs

Needs data/chestxray14_sample and weights/dinov2_small.safetensors, made as that page says. The
study's recipe but for what so few images ask for: a smaller ViT and batch, and 12 epochs with the
last one kept, since five validation images cannot choose one.
"""

from jaxcxr.study import Grid, Initialization, Study

CONFIG = "configs/chestxray14_dinov2.py"
WEIGHTS = ("model.weights", "weights/dinov2_small.safetensors")


def get_study():
    return Study(
        name="real_radiographs",
        question=(
            "Does a ViT-S/14 that starts from self-supervised weights of natural images (DINOv2) "
            "classify real chest radiographs better than the same ViT from random weights?"
        ),
        grids=(Grid("paper", ("chestxray14",), ("dinov2", "random")),),
        initializations=(
            Initialization("dinov2", "DINOv2 (ViT-S)", CONFIG, overrides=(WEIGHTS,)),
            Initialization(
                "random", "Random weights", CONFIG, overrides=(WEIGHTS, ("model.init", "random"))
            ),
        ),
        seeds=(0, 1, 2),
        prepared="data/{data}_sample",
        overrides=(
            ("batch_size", 16),
            ("epochs", 12),
            ("selection", "last"),
            ("log_every", 8),
        ),
    )
