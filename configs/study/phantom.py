"""The whole grid small, on phantom releases of all six datasets: tries everything anywhere.

    python -m jaxcxr.study --study=configs/study/phantom.py --out studies/phantom

The three initializations are pre-training on other phantom radiographs (a second PadChest
release), no pre-training, and pre-training on phantom MIMIC-CXR. Phantoms are drawings: these
numbers say that the machinery works, and nothing of radiographs.
"""

from input_pipeline.labels import DATASETS
from jaxcxr.study.definition import Grid, Initialization, Phantom, Pretraining, Study

CONFIG = "configs/study/phantom_vit.py"
FROM_SCRATCH = (("model.init", "random"),)


def get_study():
    return Study(
        name="phantom",
        question="Does pre-training on other phantoms make better classifiers of phantoms?",
        grids=(
            Grid("paper", DATASETS, ("other", "random")),
            Grid(
                "mimic_transfer",
                tuple(name for name in DATASETS if name != "mimic_cxr"),
                ("other", "mimic"),
            ),
        ),
        initializations=(
            Initialization("other", "Other phantoms", CONFIG, pretraining="other"),
            Initialization("random", "From scratch", CONFIG, overrides=FROM_SCRATCH),
            Initialization("mimic", "Phantom MIMIC-CXR", CONFIG, pretraining="mimic"),
        ),
        pretrainings=(
            Pretraining(
                name="other",
                dataset="padchest",
                config=CONFIG,
                labels="all",
                head="new",
                overrides=FROM_SCRATCH,
                release_seed=100,
            ),
            Pretraining("mimic", "mimic_cxr", CONFIG, overrides=FROM_SCRATCH),
        ),
        phantom=Phantom(images=600),
        resamples=500,
    )
