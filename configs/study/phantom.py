"""The whole grid small, on phantom releases of all six datasets: tries everything anywhere.

    python -m jaxcxr.study --study=configs/study/phantom.py --out studies/phantom

The three initializations are pre-training on natural-like pictures, no pre-training, and
pre-training on phantom MIMIC-CXR. Expect 10 to 15 minutes on two cores. Phantoms are drawings:
these numbers say that the machinery works, and nothing of radiographs.
"""

from input_pipeline.labels import STUDIED
from input_pipeline.phantom.natural import NATURAL
from jaxcxr.study import (
    ANALYSES,
    Grid,
    Initialization,
    Phantom,
    Pretraining,
    Study,
    Variant,
    label_efficiency,
)

CONFIG = "configs/demo.py"
PRETRAINED = (("model.init", "pretrained"),)
VARIANTS = (
    *label_efficiency(25),
    Variant("lora", "LoRA", trainable="lora", overrides=(("learning_rate", 3e-3),)),
    Variant("probe", "Linear probe", trainable="head", overrides=(("learning_rate", 1e-2),)),
)


def get_study():
    return Study(
        name="phantom",
        question=(
            "Does pre-training on natural-like pictures make better classifiers of phantom "
            "radiographs than none, or than pre-training on other phantom radiographs?"
        ),
        grids=(
            Grid(
                "paper",
                STUDIED,
                ("natural", "random"),
                variants=VARIANTS,
                variant_datasets=("padchest",),
                cross_dataset=True,
            ),
            Grid(
                "mimic_transfer",
                tuple(name for name in STUDIED if name != "mimic_cxr"),
                ("natural", "mimic"),
            ),
        ),
        initializations=(
            Initialization(
                "natural",
                "Natural-like pictures",
                CONFIG,
                pretraining="natural",
                overrides=PRETRAINED,
            ),
            Initialization("random", "From scratch", CONFIG),
            Initialization(
                "mimic", "Phantom MIMIC-CXR", CONFIG, pretraining="mimic", overrides=PRETRAINED
            ),
        ),
        pretrainings=(
            Pretraining(
                "natural",
                NATURAL,
                CONFIG,
                labels="all",
                head="new",
                overrides=(("epochs", 20), ("patience", 20)),
            ),
            Pretraining("mimic", "mimic_cxr", CONFIG, overrides=(("epochs", 20), ("patience", 20))),
        ),
        phantom=Phantom(images=900, size=192, image_size=112, natural_images=3000),
        overrides=(("epochs", 12), ("patience", 12), ("bootstrap_resamples", 200)),
        resamples=500,
        analyses=ANALYSES,
        examples=("Cardiomegaly", "Pleural effusion"),
    )
