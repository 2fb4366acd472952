"""DINOv2 against random weights on a table of one's own: docs/own_data.md.

    python -m jaxcxr.study --study=configs/study/own_data.py --out studies/own_data

Needs data/covid_figure1 and weights/dinov2_small.safetensors, made as that page says. For other
data change the declaration and the dataset's name, which is the one in it. Two epochs of so few
images, at 56 pixels, show the road, and nothing about the weights.
"""

from jaxcxr.study import Grid, Initialization, Study

CONFIG = "configs/recommended.py"
WEIGHTS = ("model.weights", "weights/dinov2_small.safetensors")
NEW_HEAD = ("model.head", "new")  # a probe has nothing to choose by on so few images


def get_study():
    return Study(
        name="own_data",
        question=(
            "Does a ViT-S/14 that starts from DINOv2 classify the radiographs of a declared table "
            "better than the same ViT from random weights?"
        ),
        declarations=("configs/tables/covid_figure1.toml",),
        grids=(Grid("paper", ("covid_figure1",), ("dinov2", "random")),),
        initializations=(
            Initialization("dinov2", "DINOv2 (ViT-S)", CONFIG, overrides=(WEIGHTS, NEW_HEAD)),
            Initialization(
                "random",
                "Random weights",
                CONFIG,
                overrides=(WEIGHTS, NEW_HEAD, ("model.init", "random")),
            ),
        ),
        least_patients=5,
        overrides=(
            ("image_size", 56),
            ("batch_size", 8),
            ("epochs", 2),
            ("warmup_steps", 0),
            ("selection", "last"),
            ("log_every", 4),
        ),
    )
