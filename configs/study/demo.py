"""The demo's study: does a start from natural-like pictures help on phantom radiographs?

    make demo

Draws a phantom PadChest and natural-like pictures, pre-trains on those, trains from there and from
random weights, and writes tables, figures and a page. Expect mean AUCs of about 0.85 and 0.78 on
the phantom test split. Phantoms are drawings: these numbers say that the machinery works, and
nothing of radiographs.
"""

from input_pipeline.phantom.natural import NATURAL
from jaxcxr.study import Grid, Initialization, Phantom, Pretraining, Study

CONFIG = "configs/demo.py"


def get_study():
    return Study(
        name="demo",
        question=(
            "Does pre-training on natural-like pictures make better classifiers of phantom "
            "radiographs?"
        ),
        grids=(Grid("paper", ("padchest",), ("natural", "random")),),
        initializations=(
            Initialization(
                "natural",
                "Natural-like pictures",
                CONFIG,
                pretraining="natural",
                overrides=(("model.init", "pretrained"),),
            ),
            Initialization("random", "From scratch", CONFIG),
        ),
        pretrainings=(Pretraining("natural", NATURAL, CONFIG, labels="all", head="new"),),
        phantom=Phantom(images=2000, size=192, image_size=112, natural_images=3000),
        overrides=(("epochs", 30), ("patience", 30)),
        examples=("Cardiomegaly", "Pleural effusion"),
    )
